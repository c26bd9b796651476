"""Sign-ins without a browser on this machine, and a renewed one: each gives a token that the AWS CLI works with."""

import subprocess

from conftest import SSO_REFRESH
from identity_center import ACCOUNT, PROFILE
from waiting import PATIENCE


def works(machine):
    identity = machine.aws("sts", "get-caller-identity", "--profile", PROFILE)
    return identity["Account"] == ACCOUNT["accountId"]


def test_a_code_that_a_script_brings(willing):
    command = [SSO_REFRESH, "login", "--no-browser"]
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": PATIENCE}
    begun = subprocess.run(command, env=willing.environment, **pipes)
    assert begun.returncode == 3, begun.stderr
    address = willing.simulator.request(begun.stdout.strip())[1]["Location"]
    willing.sso_refresh("login", "--code", address)
    assert works(willing)


def test_a_renewed_session(willing):
    willing.sso_refresh("login")
    old = willing.token()
    willing.sso_refresh("login", "--renew")
    assert willing.token()["accessToken"] != old["accessToken"]
    assert "Logout" in willing.simulator.operations()
    assert works(willing)
