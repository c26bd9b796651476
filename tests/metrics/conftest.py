"""A daemon to which things have happened, and what it tells."""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile

import identity_center
import pytest
from identity_center import SESSION, ending_in, write_token
from machine import Machine
from waiting import PATIENCE, wait_for

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / "packaging/prometheus/rules.yml"
DASHBOARD = ROOT / "packaging/grafana/sso-refresh.json"
PROMETHEUS = pathlib.Path(os.environ["PROMETHEUS"])


def promtool(*arguments, **options):
    done = subprocess.run([PROMETHEUS / "promtool", *arguments], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    # It warns of what it accepts.
    return done.stdout + done.stderr


class Answer:
    """What `GET target` is answered at a path of a Unix socket or at `host:port`."""

    def __init__(self, where, target, headers):
        connection = http.client.HTTPConnection(where if isinstance(where, str) else "localhost", timeout=PATIENCE)
        if isinstance(where, pathlib.Path):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(where))
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        self.status, self.content_type = answer.status, answer.headers["content-type"]
        self.text = answer.read().decode()
        connection.close()


class Watched:
    """A machine whose daemon serves on loopback, too."""

    def __init__(self, machine):
        self.machine = machine
        self.address = machine.report()["daemon"]["endpoint"]["address"]
        self.token_file = machine.home / "run/sso-refresh/endpoint-token"
        self.socket = machine.home / "run/sso-refresh/api.sock"

    def token(self):
        return self.token_file.read_text()

    def over_tcp(self, target, **headers):
        return Answer(self.address, target, headers)

    def metrics(self):
        answer = Answer(self.socket, "/metrics", {})
        assert answer.status == 200, answer.text
        return answer.text

    def fail_once(self):
        """An exchange that fails, and the one after it."""
        before = self.machine.exchanges()
        self.machine.simulator.faults("CreateToken:status=503:times=1")
        assert self.machine.sso_refresh("refresh").returncode != 0
        wait_for("another exchange", lambda: self.machine.exchanges() == before + 2)
        wait_for("a fresh session", lambda: self.machine.status()[SESSION]["state"] == "fresh")


@pytest.fixture(scope="session")
def watched():
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate() as url:
        machine = Machine(pathlib.Path(home), url)
        token_file = identity_center.configure(machine.home)
        machine.config.parent.mkdir(parents=True)
        machine.config.write_text(
            f'[listen]\naddress = "127.0.0.1:0"\nprofiles = []\n[session.{SESSION}]\nsession_duration = "8h"\n'
            '[hooks]\nrefreshed = ["/bin/true"]\n'
        )
        with machine.daemon():
            watched = Watched(machine)
            wait_for("a session that is signed out", lambda: machine.status()[SESSION].get("remedy"))
            # A sign-in that the daemon sees: from then on the end of the session is known.
            write_token(token_file, ending_in(machine.simulator.sign_in(), seconds=60))
            wait_for("the refresh", lambda: machine.status()[SESSION].get("refreshed_at"))
            watched.fail_once()
            yield watched


@pytest.fixture(scope="session")
def dashboard():
    return json.loads(DASHBOARD.read_text())
