"""A machine with clients of AWS on it, and a network between them and the Identity Center."""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import tempfile

import identity_center
import machine as base
import pytest
import relay
from clients import CLIENTS
from gate import Gate
from identity_center import ACCOUNT, PROFILE, SESSION
from proxy import Proxy
from running import Running
from ways import WAYS

SSO_HOSTS = ["oidc.us-east-1.amazonaws.com", "portal.sso.us-east-1.amazonaws.com"]
STS_HOSTS = ["sts.us-east-1.amazonaws.com", "sts.amazonaws.com"]
# A role in each account, so that one that is handed out instead of the other is seen.
ROLES = {PROFILE: (ACCOUNT["accountId"], ACCOUNT["roleName"]), "audit": ("210987654321", "ReadOnly")}
ARNS = {
    profile: f"arn:aws:sts::{account}:assumed-role/AWSReservedSSO_{role}/user"
    for profile, (account, role) in ROLES.items()
}
# Of the table.
COLUMNS = [*(way.name for way in WAYS), "8 at once", "32 at once", "outage"]


class Machine(base.Machine):
    def __init__(self, home, url, loop):
        super().__init__(home, url)
        self.token_file = identity_center.configure(home)
        port = int(url.rpartition(":")[2])
        self.gate = Gate(loop, port)
        bundle = str(home / "ca.pem")
        self.proxy = Proxy(loop, dict.fromkeys(SSO_HOSTS, self.gate.port) | dict.fromkeys(STS_HOSTS, port), bundle)
        self.environment |= {
            "AWS_ENDPOINT_URL_SSO": self.gate.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.gate.url,
            # The SDK for JavaScript has no other name for it.
            "AWS_REGION": "us-east-1",
        }
        self.proxied = {"HTTPS_PROXY": self.proxy.url, "AWS_CA_BUNDLE": bundle}
        self.started = []
        self.config.parent.mkdir(parents=True)
        self.config.write_text('[listen]\naddress = "127.0.0.1:0"\n')
        self.configure()

    @functools.cached_property
    def endpoint(self):
        """Where the daemon listens for those who have the token in a file."""
        return self.report()["daemon"]["endpoint"]

    def configure(self):
        """Each role as a profile for each way."""
        with open(self.home / ".aws/config", "a") as config:
            for profile, (account, role) in ROLES.items():
                if profile != PROFILE:
                    config.write(
                        f"[profile {profile}]\nsso_session = {SESSION}\nsso_account_id = {account}\n"
                        f"sso_role_name = {role}\nregion = us-east-1\n"
                    )
                    config.flush()
                line = self.sso_refresh("credentials", "--profile", profile, "--print-config")
                assert line.returncode == 0, line.stderr
                config.write(f"[profile {profile}-always]\n{line.stdout}\n")
                config.flush()

    def write_token(self, token):
        identity_center.write_token(self.token_file, token)

    def token(self):
        return json.loads(self.token_file.read_text())

    def fetches(self):
        return self.simulator.operations().count("GetRoleCredentials")

    def start(self, client, way, profile=PROFILE):
        environment = self.environment | way.environment(self, client, profile) | (self.proxied if client.needs_proxy else {})
        running = Running(client, [*way.wrapper(profile), *client.command], environment, self.log_file)
        self.started.append(running)
        return running

    def ask(self, client, way, profile=PROFILE):
        """Whom AWS takes a new process of the client for."""
        return self.start(client, way, profile).ask_and_end()

    def forget(self):
        """Takes away the files in which a client keeps role credentials."""
        shutil.rmtree(self.home / ".aws/cli", ignore_errors=True)


@contextlib.contextmanager
def a_machine(*flags):
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with (
        tempfile.TemporaryDirectory(prefix="sso-") as home,
        identity_center.simulate("--single-use", *flags) as url,
        relay.loop() as loop,
    ):
        machine = Machine(pathlib.Path(home), url, loop)
        try:
            yield machine
            assert not machine.proxy.refused
        finally:
            for running in machine.started:
                running.kill()


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request):
    if not request.param.found:
        pytest.skip(f"{request.param.name} can't be had here")
    return request.param


@pytest.fixture(scope="session")
def record():
    """Leaves it for the table which client has passed what."""
    passed = {client.name: [] for client in CLIENTS}
    yield lambda client, column: passed[client.name].append(column)
    if file := os.environ.get("SSO_REFRESH_MATRIX"):
        rows = [{"client": one.name, "version": one.found, "passed": passed[one.name]} for one in CLIENTS]
        pathlib.Path(file).write_text(json.dumps({"columns": COLUMNS, "rows": rows}))
