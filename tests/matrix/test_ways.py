"""Each client has credentials of the right role on each way, after the daemon has refreshed the token twice; and none
spends a refresh token of its own."""

import pytest
from conftest import ARNS, a_machine
from identity_center import ending_in
from waiting import wait_for
from ways import WAYS


@pytest.fixture(scope="module")
def refreshed():
    """A machine whose daemon has refreshed the token by itself and when it was told to, and knows all roles."""
    with a_machine() as machine:
        old = ending_in(machine.simulator.sign_in(), minutes=1)
        machine.write_token(old)
        with machine.daemon():
            wait_for("the daemon's exchange", lambda: machine.token()["accessToken"] != old["accessToken"])
            once = machine.token()
            told = machine.sso_refresh("refresh")
            assert told.returncode == 0, told.stderr
            assert machine.token()["accessToken"] != once["accessToken"] and machine.exchanges() == 2
            for profile in ARNS:
                assert machine.sso_refresh("credentials", "--profile", profile).returncode == 0
            yield machine


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_each_client_has_the_right_role(client, way, refreshed, record):
    held = refreshed.token()
    for profile, arn in ARNS.items():
        refreshed.forget()
        fetches = refreshed.fetches()
        assert refreshed.ask(client, way, profile) == arn
        assert refreshed.fetches() - fetches == (1 if way.by_itself else 0)
    assert refreshed.exchanges() == 2 and refreshed.token() == held
    record(client, way.name)
