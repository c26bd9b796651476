"""The client registration is one file for the AWS CLI and for us. The CLI's own code signs in here: version 2 from
Debian's archive, the first kind that signs in with PKCE as well as with a device code (botocore's `SSOTokenFetcher`
and `SSOTokenFetcherAuth`, which no package registry has)."""

import json
import os
import pathlib

import pytest
from identity_center import ACCOUNT, PROFILE, SESSION, time_left

FLOWS = {
    "browser": {"ours": [], "theirs": [], "grants": ["authorization_code", "refresh_token"]},
    "device": {"ours": ["--device-code"], "theirs": ["--use-device-code"], "grants": None},
}


@pytest.fixture(params=FLOWS)
def flow(request):
    if not pathlib.Path(os.environ["AWS_CLI_V2"], "awscli").exists():
        pytest.skip("the AWS CLI v2 can't be had from Debian's archive")
    return FLOWS[request.param]


def sign_in(machine, flow, who):
    if who == "ours":
        machine.sso_refresh("login", *flow["ours"])
    else:
        machine.aws_v2("sso", "login", "--sso-session", SESSION, *flow["theirs"])


@pytest.mark.parametrize("first, second", [("ours", "theirs"), ("theirs", "ours")])
def test_each_uses_the_registration_of_the_other(willing, flow, first, second):
    sign_in(willing, flow, first)
    registration = willing.registration()
    assert registration.get("grantTypes") == flow["grants"]
    token = willing.token()
    sign_in(willing, flow, second)
    assert willing.simulator.operations().count("RegisterClient") == 1
    assert willing.registration() == registration, "one file, and nothing in it has changed"
    assert willing.token()["accessToken"] != token["accessToken"]
    assert willing.token()["clientId"] == token["clientId"] == registration["clientId"]
    assert set(willing.token()) == set(token), "both write the same members"
    for run in (willing.aws, lambda *arguments: json.loads(willing.aws_v2(*arguments))):
        assert run("sts", "get-caller-identity", "--profile", PROFILE)["Account"] == ACCOUNT["accountId"]


def test_both_refresh_what_the_other_signed_in(willing, flow):
    sign_in(willing, flow, "ours")
    token = willing.token()
    # The AWS CLI refreshes what has less than 15 minutes.
    willing.token_file.write_text(json.dumps(token | {"expiresAt": "2020-01-01T00:00:00Z"}))
    willing.aws_v2("sts", "get-caller-identity", "--profile", PROFILE)
    assert time_left(willing.token()).total_seconds() > 3000
    sign_in(willing, flow, "theirs")
    refreshed = willing.token()
    willing.sso_refresh("refresh")
    assert willing.token()["accessToken"] != refreshed["accessToken"]
