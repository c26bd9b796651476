"""A machine with an Identity Center, a home directory, the AWS CLI and the daemon under test."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import identity_center
import pytest
from waiting import wait_for

AWS = str(pathlib.Path(sys.executable).parent / "aws")
SSO_REFRESH = os.environ["SSO_REFRESH_BIN"]


class Machine:
    def __init__(self, home, url):
        self.home = home
        self.environment = identity_center.environment(home, url)
        self.simulator = identity_center.Simulator(url)
        self.token_file = identity_center.configure(home)
        # As managers of dotfiles have it. A change of the link's target is seen by none who watches the folder.
        self.config = home / "dotfiles"
        link = home / "config/sso-refresh/config.toml"
        link.parent.mkdir(parents=True)
        link.symlink_to(self.config)
        self.log_file = home / "log"
        (home / "run").mkdir(mode=0o700)

    def run(self, *command):
        return subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )

    def sso_refresh(self, *arguments):
        return self.run(SSO_REFRESH, *arguments)

    def aws(self, *arguments):
        """The JSON that the AWS CLI prints."""
        done = self.run(AWS, *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def write_token(self, token):
        """In place, as AWS CLI v2 writes it after a sign-in: 0600 only where the file is new."""
        with open(os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(token))

    def token(self):
        return json.loads(self.token_file.read_text())

    def exchanges(self):
        return self.simulator.operations().count("CreateToken")

    def report(self):
        return json.loads(self.sso_refresh("status", "--json").stdout)

    def status(self):
        """The sessions by name."""
        return {session["session"]: session for session in self.report()["sessions"]}

    def log(self):
        return self.log_file.read_text()

    @contextlib.contextmanager
    def daemon(self):
        """`sso-refresh run`, which answers; it ends with the block, on SIGTERM and with 0."""
        with (
            open(self.log_file, "w") as log,
            subprocess.Popen([SSO_REFRESH, "run"], env=self.environment, stdin=subprocess.DEVNULL, stderr=log) as daemon,
        ):
            try:
                wait_for("the socket", (self.home / "run/sso-refresh/api.sock").exists, 10)
                yield daemon
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(10) == 0, self.log()
            finally:
                daemon.kill()


@pytest.fixture
def machine():
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate("--single-use") as url:
        yield Machine(pathlib.Path(home), url)
