"""The daemon beside the AWS CLI: whatever the CLI finds is fresh, and whatever it writes is taken up."""

import datetime
import re
import signal
import stat

from identity_center import ACCOUNT, PROFILE, SESSION, START_URL, ending_in, time_left
from waiting import wait_for

# Unknown to us and to the CLI: what other tools keep in the file is theirs.
KEPT = {"scopesNote": "kept"}
ALMOST_A_WHOLE_LIFE = datetime.timedelta(minutes=59)


def is_fresh(machine):
    return time_left(machine.token()) > ALMOST_A_WHOLE_LIFE


def agrees_on(machine, *sessions):
    """Whether the daemon has these sessions: what it does not know yet comes with a warning."""
    report = machine.report()
    return not report["warnings"] and {session["session"] for session in report["sessions"]} == set(sessions)


def takes_up(machine, token):
    """Whether the daemon speaks of this token."""
    return machine.status()[SESSION].get("expires_at") == token["expiresAt"]


def test_the_cli_finds_a_fresh_token_and_asks_for_none(machine):
    old = ending_in(machine.simulator.sign_in(), seconds=60) | KEPT
    machine.write_token(old)
    with machine.daemon():
        wait_for("a fresh token", lambda: is_fresh(machine), 2)
        new = machine.token()
        assert machine.exchanges() == 1
        assert new["accessToken"] != old["accessToken"] and new["refreshToken"] != old["refreshToken"]
        changed = {"accessToken", "refreshToken", "expiresAt"}
        assert {**old, **{key: new[key] for key in changed}} == new
        assert stat.S_IMODE(machine.token_file.stat().st_mode) == 0o600

        identity = machine.aws("sts", "get-caller-identity", "--profile", PROFILE)
        assert identity["Account"] == ACCOUNT["accountId"]
        assert machine.simulator.operations()[-2:] == ["GetRoleCredentials", "GetCallerIdentity"]
        assert machine.exchanges() == 1 and machine.token() == new

        printed = machine.sso_refresh("token")
        assert (printed.returncode, printed.stdout.strip()) == (0, new["accessToken"])
        assert machine.sso_refresh("status").returncode == 0


def test_a_sign_in_by_another_program_is_taken_up(machine):
    machine.write_token(ending_in(machine.simulator.sign_in(), minutes=50))
    with machine.daemon():
        wait_for("the first token", lambda: takes_up(machine, machine.token()), 10)
        signed_in = machine.simulator.sign_in()
        machine.write_token(signed_in)
        wait_for("the second token", lambda: takes_up(machine, signed_in), 1)
        assert machine.token() == signed_in and machine.exchanges() == 0


def test_the_end_of_a_session_is_told_once_and_a_sign_in_ends_it(machine):
    machine.write_token(machine.simulator.sign_in())
    with machine.daemon():
        wait_for("the token", lambda: takes_up(machine, machine.token()), 10)
        machine.simulator.end_session()
        refused = machine.sso_refresh("refresh")
        assert refused.returncode == 3, refused.stderr
        assert len(refused.stderr.splitlines()) == 1 and refused.stdout == ""
        assert machine.exchanges() <= 2

        ended = machine.status()[SESSION]
        assert (ended["state"], ended["usable"]) == ("login-required", False)
        shown = machine.sso_refresh("status")
        assert shown.returncode == 3
        # The command that helps, exactly as it is to be typed.
        assert ended["remedy"] and ended["remedy"] in shown.stdout
        assert len(re.findall(r"\bWARN\b", machine.log())) == 1, machine.log()
        assert machine.exchanges() <= 2

        signed_in = machine.simulator.sign_in()
        machine.write_token(signed_in)
        wait_for("the new token", lambda: takes_up(machine, signed_in), 1)
        assert machine.sso_refresh("refresh").returncode == 0
        assert machine.aws("sts", "get-caller-identity", "--profile", PROFILE)["Account"] == ACCOUNT["accountId"]


def test_a_sign_out_by_another_program_is_one(machine):
    machine.write_token(machine.simulator.sign_in())
    with machine.daemon():
        wait_for("the token", lambda: takes_up(machine, machine.token()), 10)
        machine.token_file.unlink()
        wait_for("the sign-out", lambda: machine.status()[SESSION]["state"] == "signed-out", 1)
        assert machine.sso_refresh("refresh").returncode == 3
        assert not machine.token_file.exists() and machine.exchanges() == 0


def test_sighup_takes_up_a_good_configuration_and_refuses_a_bad_one(machine):
    machine.write_token(machine.simulator.sign_in())
    good = f"""
[session.other]
start_url = "{START_URL}"
region = "us-east-1"
"""
    with machine.daemon() as daemon:
        wait_for("the session", lambda: agrees_on(machine, SESSION), 10)
        machine.config.write_text(good)
        daemon.send_signal(signal.SIGHUP)
        wait_for("a second session", lambda: agrees_on(machine, SESSION, "other"), 5)

        machine.config.write_text(good + 'regoin = "us-east-1"\n')
        daemon.send_signal(signal.SIGHUP)
        place = "config.toml:5:1"
        wait_for("the mistake in the log", lambda: place in machine.log(), 5)
        assert place in machine.sso_refresh("status").stdout
        assert set(machine.status()) == {SESSION, "other"}
        reloaded = machine.sso_refresh("reload")
        assert reloaded.returncode == 2 and place in reloaded.stderr

        machine.config.unlink()
        assert machine.sso_refresh("reload").returncode == 0
        assert place not in machine.sso_refresh("status").stdout
        assert agrees_on(machine, SESSION)
        assert machine.exchanges() == 0
