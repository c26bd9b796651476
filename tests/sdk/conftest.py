"""A simulator for all tests, an environment in which no AWS program can leave the machine, and clients."""

import functools
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import botocore.session
import pytest
from botocore.config import Config

START_URL = "https://example.awsapps.com/start"
SCOPE = "sso:account:access"
REDIRECT_URI = "http://127.0.0.1:43210/oauth/callback"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Simulator:
    """`sso-refresh simulate` in the hands of a test, through /admin and as a user's browser."""

    def __init__(self, url):
        self.url = url
        self.browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)

    def request(self, path, body=None, **query):
        """Status, headers and body; a body makes it a POST."""
        url = path if path.startswith("http") else self.url + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = None if body is None else body.encode()
        try:
            with self.browser.open(urllib.request.Request(url, data), timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read().decode()

    def admin(self, path, body="", **query):
        status, _, text = self.request("/admin/" + path, body, **query)
        assert status == 200, text
        return json.loads(text)

    def faults(self, *lines):
        self.admin("faults", "\n".join(lines))

    def sign_in(self, start_url=START_URL, scopes=SCOPE):
        """The token as the AWS CLI would have written it."""
        return self.admin("sign-in", start_url=start_url, scopes=scopes)

    def calls(self):
        return json.loads(self.request("/admin/calls")[2])


@pytest.fixture(scope="session")
def process():
    """Ends with the tests; `simulate` says where it listens in its first line."""
    command = [os.environ["SSO_REFRESH_BIN"], "simulate", "--port", "0", "--admin", "--interval", "0s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        yield line.removeprefix("listening on ").strip()
        process.terminate()


@pytest.fixture
def simulator(process):
    simulator = Simulator(process)
    simulator.faults()
    yield simulator
    simulator.admin("end-session", start_url=START_URL)


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path, process):
    """A home of its own, the simulator's endpoints, and a dead proxy where one was missed."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SSO": process,
        "AWS_ENDPOINT_URL_SSO_OIDC": process,
        "AWS_ENDPOINT_URL_STS": process,
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client():
    """The client of a service. It tries once, so that each error is seen."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=10)
    session = botocore.session.get_session()
    return functools.cache(lambda service: session.create_client(service, config=config))
