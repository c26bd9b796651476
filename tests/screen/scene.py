"""Some sessions in different states, with an Identity Center behind them."""

import contextlib
import datetime
import hashlib
import json
import pathlib
import tempfile

import identity_center
import machine as base
from waiting import wait_for


def start_url(session):
    return f"https://{session}.awsapps.com/start"


class Machine(base.Machine):
    def __init__(self, home, url, sessions):
        super().__init__(home, url)
        self.cache = home / ".aws/sso/cache"
        self.cache.mkdir(parents=True)
        lines = []
        for session in sessions:
            lines += [
                f"[sso-session {session}]",
                f"sso_start_url = {start_url(session)}",
                "sso_region = us-east-1",
                f"sso_registration_scopes = {identity_center.SCOPE}",
            ]
        (home / ".aws/config").write_text("\n".join(lines) + "\n")

    def sign_in(self, session, **left):
        token = self.simulator.sign_in(start_url(session))
        file = self.cache / (hashlib.sha1(session.encode()).hexdigest() + ".json")
        identity_center.write_token(file, identity_center.ending_in(token, **left) if left else token)

    def end(self, session):
        """The session is over, and the daemon has learned of it."""
        self.simulator.end_session(start_url(session))
        assert self.sso_refresh("refresh", session).returncode == 3

    def signed_in_before(self, session, **ago):
        """Has the user signed in so long ago, as the program has written down; no daemon runs."""
        for file in (self.home / "state/sso-refresh/sessions").glob("*.json"):
            known = json.loads(file.read_text())
            if known["session"] == session:
                begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**ago)
                known["memory"]["signed_in_at"] = begin.strftime("%Y-%m-%dT%H:%M:%SZ")
                file.write_text(json.dumps(known))
                return
        raise AssertionError(f"nothing was written down of {session}")

    def knows(self, session, **expected):
        """Waits until the daemon says so of a session."""

        def look():
            status = self.status().get(session, {})
            return all(status.get(key) == value for key, value in expected.items())

        wait_for(f"{session}: {expected}", look)


@contextlib.contextmanager
def machine(*sessions, flags=()):
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate(*flags) as url:
        yield Machine(pathlib.Path(home), url, sessions)
