"""The old script is taken over while it runs; its refresh tokens are good for one use, as those of AWS may be."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest
from conftest import runs
from identity_center import ACCOUNT, PROFILE, START_URL
from waiting import wait_for

# boto3 finds the token file by the name of the session.
ASK = f"""
import boto3
print(boto3.Session(profile_name="{PROFILE}").client("sts").get_caller_identity()["Account"])
"""
AWS_CONFIG = f"""
[profile {PROFILE}]
sso_session = imported
sso_account_id = {ACCOUNT["accountId"]}
sso_role_name = {ACCOUNT["roleName"]}
[sso-session imported]
sso_start_url = {START_URL}
sso_region = us-east-1
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_script_that_runs_is_taken_over_by_a_daemon_that_runs(machine):
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text("# mine\n")
    first = machine.sign_in(seconds_left=60)
    with machine.daemon(), machine.script() as pid:
        wait_for("its refresh", lambda: "Token refreshed successfully" in machine.old_log())
        assert machine.exchanges() == 1
        theirs = machine.old_token()
        assert theirs["refreshToken"] != first["refreshToken"]

        done = machine.sso_refresh("import", "--stop-old", "--start-url", START_URL)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("imported: taken over; the token is good until "), done.stdout
        assert f"The old script (process {pid}) is stopped.\n" in done.stdout
        assert "is not running" not in done.stdout
        assert not runs(pid) and not machine.pid_file.exists()
        assert "Shutting down" in machine.old_log()
        assert mode(machine.env_file) == mode(machine.token_json) == 0o600
        assert machine.config.read_text() == (
            f'# mine\n\n[session.imported]\nregion = "us-east-1"\nstart_url = "{START_URL}"\n'
        )
        ours = machine.token("imported")
        assert ours["accessToken"] == theirs["accessToken"] and ours["refreshToken"] == theirs["refreshToken"]
        assert machine.exchanges() == 1

        refreshed = machine.sso_refresh("refresh", "imported")
        assert refreshed.returncode == 0, refreshed.stderr
        assert machine.exchanges() == 2 and machine.token("imported")["accessToken"] != ours["accessToken"]
        assert machine.sso_refresh("status").returncode == 0

        (machine.home / ".aws/config").write_text(AWS_CONFIG)
        asked = machine.run(sys.executable, "-c", ASK)
        assert (asked.returncode, asked.stdout.strip()) == (0, ACCOUNT["accountId"]), asked.stderr
        assert machine.exchanges() == 2

        # It is done, and to do it again changes nothing.
        again = machine.sso_refresh("import", "--stop-old")
        assert again.returncode == 0 and again.stdout.startswith("imported: is taken over already; "), again.stdout
        assert machine.exchanges() == 2
        command = next(line for line in again.stdout.splitlines() if ": rm " in line).split(": ", 1)[1]
        assert machine.run("bash", "-c", command).returncode == 0
        assert not machine.env_file.exists() and not machine.token_json.exists()

        secrets = {theirs["accessToken"], theirs["refreshToken"], first["clientSecret"], first["refreshToken"]}
        for text in (done.stdout, done.stderr, again.stdout, again.stderr):
            assert not any(secret in text for secret in secrets)


def test_a_script_that_refreshes_after_an_import_is_followed(machine):
    machine.sign_in(seconds_left=3000)
    with machine.script() as pid:
        done = machine.sso_refresh("import")
        assert done.returncode == 0, done.stderr
        assert f"the old script still runs (process {pid}) and races for the refresh token" in done.stderr
        assert runs(pid) and machine.pid_file.exists()

    # It looks once a minute: a new one refreshes at once.
    expiring = machine.old_token()
    machine.token_json.write_text(json.dumps(expiring | {"expiresAt": 0}))
    with machine.script() as pid:
        wait_for("its refresh", lambda: "Token refreshed successfully" in machine.old_log())
        done = machine.sso_refresh("import", "--stop-old")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("imported: taken over; "), done.stdout
        assert not runs(pid)
    assert machine.token("imported")["refreshToken"] == machine.old_token()["refreshToken"]
    assert machine.sso_refresh("refresh").returncode == 0


def test_what_the_script_writes_at_its_end_is_what_is_taken_over(machine):
    machine.sign_in(seconds_left=3000)
    late = machine.old_token() | {"accessToken": "late-access", "refreshToken": "late-refresh"}
    # An answer that comes just before it ends.
    (machine.home / "late.js").write_text(
        f"process.on('SIGTERM', () => require('fs').writeFileSync('token.json', {json.dumps(json.dumps(late))}))"
    )
    machine.environment["NODE_OPTIONS"] += f" --require {machine.home / 'late.js'}"
    with machine.script():
        assert machine.sso_refresh("import", "--stop-old").returncode == 0
    ours = machine.token("imported")
    assert (ours["accessToken"], ours["refreshToken"]) == ("late-access", "late-refresh")


def test_a_script_that_does_not_end_is_not_taken_over(machine):
    machine.sign_in(seconds_left=3000)
    with machine.script() as pid:
        os.kill(pid, signal.SIGSTOP)
        done = machine.sso_refresh("import", "--stop-old")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"end it with `kill -9 {pid}`" in done.stderr
        assert runs(pid) and machine.pid_file.exists() and not machine.config.exists()


def test_another_script_of_node_is_left_alone(machine):
    machine.sign_in(seconds_left=3000)
    copy = machine.home / "copy"
    copy.mkdir()
    (copy / "refresh-token.js").write_text("setInterval(() => {}, 1000)")
    environment = machine.environment | {"NODE_OPTIONS": ""}
    with subprocess.Popen(["node", "refresh-token.js"], cwd=copy, env=environment) as other:
        try:
            machine.pid_file.write_text(f"{other.pid}\n")
            done = machine.sso_refresh("import", "--stop-old")
            assert done.returncode == 0, done.stderr
            assert f"names process {other.pid}, which is left alone: it does not run " in done.stdout
            assert other.poll() is None and machine.pid_file.exists()
        finally:
            other.kill()


# What people write. The secret is never the one of a client, so nothing is exchanged.
WAYS = [
    "AWS_SSO_CLIENT_ID=abc\nAWS_SSO_CLIENT_SECRET=s=e+c/r:e_t-==\nAWS_SSO_REGION=us-east-1\n",
    "\ufeffAWS_SSO_CLIENT_ID=abc\r\nAWS_SSO_CLIENT_SECRET=secret\r\nAWS_SSO_REGION=us-east-1\r\n",
    "  export AWS_SSO_CLIENT_ID = abc  \nexport  AWS_SSO_CLIENT_SECRET='s e # c'\nAWS_SSO_REGION=\"us-east-1\" # x",
    "# x\nAWS_SSO_CLIENT_ID=`a'b\"c`\nAWS_SSO_CLIENT_SECRET=\"a\\nb\" #\n\n\nAWS_SSO_REGION='us-east-1'\n",
    "AWS_SSO_CLIENT_ID=abc # one\nAWS_SSO_CLIENT_SECRET=sec#ret\nAWS_SSO_REGION= us-east-1\nnonsense\n=x\n",
    "AWS_SSO_CLIENT_ID=two words\nAWS_SSO_CLIENT_SECRET=$HOME${PATH}\\$1\\n\nAWS_SSO_REGION=us-east-1\n",
    "AWS_SSO_CLIENT_ID=old\nAWS_SSO_CLIENT_ID=new\nAWS_SSO_CLIENT_SECRET: yaml\nAWS_SSO_REGION=us-east-1\n",
    "AWS_SSO_CLIENT_ID='a\nAWS_SSO_REGION=no\nb'\nAWS_SSO_CLIENT_SECRET='it\\'s'\nAWS_SSO_REGION=us-east-1\n",
]
KEYS = ["AWS_SSO_CLIENT_ID", "AWS_SSO_CLIENT_SECRET", "AWS_SSO_REGION"]


@pytest.mark.parametrize("dotenv", ["dotenv-16", "dotenv-17", "dotenv"])
@pytest.mark.parametrize("way", range(len(WAYS)))
def test_an_env_file_says_the_same_to_us_as_to_the_script(machine, dotenv, way):
    machine.sign_in(seconds_left=3000)
    machine.env_file.write_bytes(WAYS[way].encode())
    read = f"process.stdout.write(JSON.stringify(require('{dotenv}').parse(require('fs').readFileSync('.env'))))"
    environment = machine.environment | {"NODE_OPTIONS": ""}
    said = subprocess.run(
        ["node", "-e", read], cwd=machine.folder, env=environment, capture_output=True, text=True, check=True
    )
    theirs = json.loads(said.stdout)
    done = machine.sso_refresh("import")
    assert done.returncode == 0, done.stderr
    ours = machine.token("imported")
    assert [ours["clientId"], ours["clientSecret"], ours["region"]] == [theirs[key] for key in KEYS]
