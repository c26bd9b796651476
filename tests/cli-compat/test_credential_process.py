"""boto3 gets its credentials from `sso-refresh credentials`, by the line that `--print-config` gives."""

import subprocess
import sys

import pytest
from identity_center import ACCOUNT, PROFILE, ending_in
from waiting import wait_for

# Another name than the profile that has the sso_session: SDKs differ in which of the two they take.
ALWAYS = "dev-always"
# Each use asks again where less than 15 minutes are left.
WHO_AM_I = f"""
import boto3
for _ in range(3):
    print(boto3.Session(profile_name="{ALWAYS}").client("sts").get_caller_identity()["Arn"])
"""


@pytest.fixture
def configured(machine):
    line = machine.sso_refresh("credentials", "--profile", PROFILE, "--print-config")
    assert (line.returncode, line.stderr) == (0, "")
    with open(machine.home / ".aws/config", "a") as config:
        config.write(f"\n[profile {ALWAYS}]\n{line.stdout}")
    return machine


def programs(machine, number):
    """As many programs with boto3 at once: what each printed, and what it complained of."""
    command = [sys.executable, "-c", WHO_AM_I]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, env=machine.environment, **pipes) for _ in range(number)]
    return [program.communicate(timeout=120) for program in started]


def check(printed):
    for out, err in printed:
        arns = out.split()
        assert len(arns) == 3, err
        assert all(ACCOUNT["accountId"] in arn and ACCOUNT["roleName"] in arn for arn in arns), arns


def test_a_herd_costs_one_call_and_no_exchange(configured):
    configured.write_token(ending_in(configured.simulator.sign_in(), minutes=50))
    with configured.daemon():
        check(programs(configured, 8))
        assert configured.simulator.operations().count("GetRoleCredentials") == 1
        assert configured.exchanges() == 0


def test_a_dead_token_is_no_programs_concern(configured):
    dead = ending_in(configured.simulator.sign_in(), minutes=50) | {"accessToken": "unknown-to-aws"}
    configured.write_token(dead)
    with configured.daemon():
        check(programs(configured, 1))
        assert configured.exchanges() == 1


def test_an_expired_token_is_refreshed_without_a_daemon(configured):
    configured.write_token(ending_in(configured.simulator.sign_in(), minutes=-10))
    check(programs(configured, 1))
    assert configured.exchanges() == 1
    identity = configured.aws("sts", "get-caller-identity", "--profile", ALWAYS)
    assert identity["Account"] == ACCOUNT["accountId"]


def test_the_command_that_helps_reaches_the_user(configured):
    with configured.daemon():
        wait_for("the daemon", lambda: configured.sso_refresh("status").returncode == 3, 10)
        [(out, err)] = programs(configured, 1)
        assert out == "" and "run `sso-refresh login my-sso`" in err, err
