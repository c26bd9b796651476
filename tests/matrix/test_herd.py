"""Eight and thirty-two processes of each client want credentials while the token is expired.

The token that is on the disk is expired, and the answer to the daemon's exchange is on its way, when they ask: what
imports an SDK has done so and waits for a word; the AWS CLIs are started at that moment, and come one after another
during the exchange and after it. Those that ask the daemon cost one exchange and one call of the portal together.
`sso-refresh exec` is not among them: it wants a session that is signed in before it starts anything.
Then as many read the token file. They need the daemon to have been there before them: whoever finds an expired token
in the file makes an exchange of its own, which is what the SDKs do and nobody can change.
"""

import pytest
from conftest import ARNS, PROFILE, a_machine
from identity_center import ending_in
from waiting import wait_for
from ways import ENDPOINT, PROCESS, TOKEN_FILE

# How long the slowest of thirty-two may take on two processors.
SLOWEST = 300


def herd(machine, client, ways, number, begin):
    """So many processes on these ways in turn, all of which ask when `begin` has returned."""
    ways = [ways[one % len(ways)] for one in range(number)]
    members = [machine.start(client, way) for way in ways if client.stays]
    for member in members:
        member.wait_for_line(1)
    begin()
    members = members or [machine.start(client, way) for way in ways]
    for member in members:
        member.tell()
    return [member.answer(SLOWEST) for member in members]


@pytest.mark.parametrize("number", [8, 32])
def test_a_herd_costs_one_exchange(client, number, record):
    with a_machine() as machine, machine.daemon():

        def expire():
            machine.simulator.faults("CreateToken:delay=700ms")
            machine.write_token(ending_in(machine.simulator.sign_in(), minutes=-10))
            wait_for("the daemon's exchange", machine.exchanges)

        right = [ARNS[PROFILE]] * number
        assert herd(machine, client, [PROCESS, ENDPOINT], number, expire) == right
        assert (machine.exchanges(), machine.fetches()) == (1, 1)
        if client.remembers:
            # It writes its file in place, and whoever of it reads the file just then fails: so one alone does that.
            assert machine.ask(client, TOKEN_FILE) == ARNS[PROFILE]
        assert herd(machine, client, [TOKEN_FILE], number, lambda: None) == right
        assert machine.exchanges() == 1
    record(client, f"{number} at once")
