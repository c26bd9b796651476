"""Eight processes of boto3 and of the AWS SDK for JavaScript find an expired token while the daemon starts.

The refresh token is good for one use. Whoever is first has the new token; all that the others may lose is their own
call. The session itself must live: in the file, at the server and in the daemon.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import identity_center
import pytest
from identity_center import PROFILE, SESSION, ending_in, time_left, write_token
from waiting import wait_for

HERE = pathlib.Path(__file__).parent
SSO_REFRESH = os.environ["SSO_REFRESH_BIN"]
PYTHON = [sys.executable, str(HERE / "ask.py"), PROFILE]
NODE = ["node", "--no-warnings", str(pathlib.Path(os.environ["RIVALS_NODE"]) / "ask.mjs"), PROFILE]
# The token as the SDKs find it: of the past, or in the last minutes, in which they refresh as well.
LEFT = [{"seconds": -5}, {"seconds": 60}]


@pytest.mark.parametrize("left", LEFT, ids=["expired", "expiring"])
@pytest.mark.parametrize("first", ["daemon", "rivals", "together"])
def test_no_session_is_lost(first, left):
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate("--single-use") as url:
        home = pathlib.Path(home)
        environment = identity_center.environment(home, url)
        simulator = identity_center.Simulator(url)
        token_file = identity_center.configure(home)
        (home / "run").mkdir(mode=0o700)
        write_token(token_file, ending_in(simulator.sign_in(), **left))

        def start(command, **streams):
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **streams
            )

        def session():
            status = subprocess.run([SSO_REFRESH, "status", "--json"], env=environment, capture_output=True, text=True)
            return {it["session"]: it for it in json.loads(status.stdout)["sessions"]}[SESSION]

        daemon = None
        rivals = []
        try:
            if first == "daemon":
                daemon = start([SSO_REFRESH, "run"], stderr=subprocess.DEVNULL)
                wait_for("the socket", (home / "run/sso-refresh/api.sock").exists)
            rivals = [start(command, stderr=subprocess.DEVNULL) for command in [PYTHON, NODE] * 4]
            if first == "rivals":
                wait_for("the first rival's exchange", lambda: "CreateToken" in simulator.operations())
            daemon = daemon or start([SSO_REFRESH, "run"], stderr=subprocess.DEVNULL)
            for rival in rivals:
                rival.communicate(timeout=60)

            wait_for("a session that is fresh", lambda: session()["state"] == "fresh")
            held = json.loads(token_file.read_text())
            assert time_left(held).total_seconds() > 3000
            # It is good at the server, and so is its refresh token.
            asked = subprocess.run(PYTHON, env=environment, capture_output=True, text=True, timeout=60)
            assert asked.returncode == 0, asked.stderr
            before = simulator.operations().count("CreateToken")
            done = subprocess.run([SSO_REFRESH, "refresh"], env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            assert simulator.operations().count("CreateToken") == before + 1
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(40) == 0
        finally:
            for process in [*rivals, *([daemon] if daemon else [])]:
                process.kill()
                process.communicate()
