"""The embedded Identity Center in the hands of a test, and a home directory that uses it."""

import configparser
import contextlib
import datetime
import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

START_URL = "https://example.awsapps.com/start"
SCOPE = "sso:account:access"
ACCOUNT = {"accountId": "012345678901", "roleName": "Developer"}
SESSION = "my-sso"
PROFILE = "dev"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Simulator:
    """`sso-refresh simulate`, through /admin and as a user's browser."""

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

    def end_session(self, start_url=START_URL):
        self.admin("end-session", start_url=start_url)

    def calls(self):
        return json.loads(self.request("/admin/calls")[2])

    def operations(self):
        return [call["operation"] for call in self.calls()]


@contextlib.contextmanager
def simulate(*flags):
    """The URL of an Identity Center that ends with the block; it says where it listens in its first line."""
    command = [os.environ["SSO_REFRESH_BIN"], "simulate", "--port", "0", "--admin", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        try:
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()


def environment(home, url):
    """A home of its own, the endpoints at `url`, and a dead proxy where one was missed."""
    theirs = ("AWS_", "XDG_", "NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM", "SSO_REFRESH_CONFIG")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(theirs) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_RUNTIME_DIR": f"{home}/run",
        "XDG_STATE_HOME": f"{home}/state",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SSO": url,
        "AWS_ENDPOINT_URL_SSO_OIDC": url,
        "AWS_ENDPOINT_URL_STS": url,
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def configure(home):
    """Writes what `aws configure sso` would, and returns the path of the session's token file."""
    config = configparser.ConfigParser()
    config[f"profile {PROFILE}"] = {
        "sso_session": SESSION,
        "sso_account_id": ACCOUNT["accountId"],
        "sso_role_name": ACCOUNT["roleName"],
        "region": "us-east-1",
    }
    config[f"sso-session {SESSION}"] = {
        "sso_start_url": START_URL,
        "sso_region": "us-east-1",
        "sso_registration_scopes": SCOPE,
    }
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    with open(home / ".aws/config", "w") as file:
        config.write(file)
    return cache / (hashlib.sha1(SESSION.encode()).hexdigest() + ".json")


def ending_in(token, **left):
    """The token with so much time left: `seconds=60`, `minutes=-10`."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**left)
    return token | {"expiresAt": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def time_left(token):
    end = datetime.datetime.fromisoformat(token["expiresAt"])
    return end - datetime.datetime.now(datetime.timezone.utc)


def write_token(file, token):
    """In place, as AWS CLI v2 writes it after a sign-in: 0600 only where the file is new."""
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as there:
        there.write(json.dumps(token))
