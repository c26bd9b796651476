"""A user of the old script: a home directory as its plan has it, with an Identity Center behind it."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import tempfile
import time

import identity_center
import machine as base
import pytest
from waiting import wait_for

HERE = pathlib.Path(__file__).parent
NODE = pathlib.Path(os.environ["OLD_SCRIPT_NODE"])


class Machine(base.Machine):
    def __init__(self, home, url):
        super().__init__(home, url)
        self.environment |= {"IDENTITY_CENTER": url, "NODE_OPTIONS": f"--require {HERE / 'redirect.js'}"}
        self.folder = home / "aws-sso-token-refresh"
        self.env_file, self.token_json, self.pid_file = (
            self.folder / name for name in (".env", "token.json", "refresh-token.pid")
        )
        self.old_log_file = self.folder / "refresh-token.log"
        shutil.copytree(HERE / "old", self.folder)
        (self.folder / "node_modules").symlink_to(NODE / "node_modules")

    def sign_in(self, seconds_left):
        """What `auth.js` leaves behind, and what the user copied into the .env; readable by all, as the plan has it."""
        token = self.simulator.sign_in()
        self.env_file.write_text(
            f"AWS_SSO_CLIENT_ID={token['clientId']}\n"
            f"AWS_SSO_CLIENT_SECRET={token['clientSecret']}\n"
            "AWS_SSO_REFRESH_TOKEN=your-refresh-token\n"
            "AWS_SSO_REGION=us-east-1\n"
        )
        self.token_json.write_text(
            json.dumps(
                {
                    "accessToken": token["accessToken"],
                    "refreshToken": token["refreshToken"],
                    "tokenType": "Bearer",
                    "expiresIn": 3600,
                    "expiresAt": int((time.time() + seconds_left) * 1000),
                    "createdAt": "2025-01-23T00:00:00.000Z",
                },
                indent=2,
            )
        )
        for file in (self.env_file, self.token_json):
            file.chmod(0o644)
        return token

    def old_token(self):
        return json.loads(self.token_json.read_text())

    def old_log(self):
        return self.old_log_file.read_text() if self.old_log_file.exists() else ""

    @contextlib.contextmanager
    def script(self):
        """The old script as its `start.sh` starts it; its process id. It ends with the block."""
        assert self.run("bash", str(self.folder / "start.sh")).returncode == 0
        pid = int(self.pid_file.read_text())
        try:
            wait_for("the script", lambda: "Token" in self.old_log())
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def token(self, session):
        name = hashlib.sha1(session.encode()).hexdigest() + ".json"
        return json.loads((self.home / ".aws/sso/cache" / name).read_text())


def runs(pid):
    """Whether there is such a process that has not ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def machine():
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate("--single-use") as url:
        yield Machine(pathlib.Path(home), url)
