"""A machine with an Identity Center, a home directory and the program under test."""

import contextlib
import json
import os
import signal
import subprocess

import identity_center
from waiting import PATIENCE, wait_for

SSO_REFRESH = os.environ["SSO_REFRESH_BIN"]


class Machine:
    def __init__(self, home, url):
        self.home = home
        self.environment = identity_center.environment(home, url)
        self.simulator = identity_center.Simulator(url)
        self.config = home / "config/sso-refresh/config.toml"
        self.log_file = home / "log"
        (home / "run").mkdir(mode=0o700)

    def run(self, *command, **options):
        options = {"env": self.environment, "stdin": subprocess.DEVNULL, "timeout": PATIENCE} | options
        return subprocess.run(command, capture_output=True, text=True, **options)

    def sso_refresh(self, *arguments):
        return self.run(SSO_REFRESH, *arguments)

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
                wait_for("the socket", (self.home / "run/sso-refresh/api.sock").exists)
                yield daemon
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(10) == 0, self.log()
            finally:
                daemon.kill()
