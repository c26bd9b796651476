"""For a minute the OIDC service and the portal refuse connections, while all that was handed out is good.

What runs already asks on, on each way. New processes get their credentials from the daemon, and the AWS CLI v2 has those
of the token file in a file of its own. Any other new process needs the portal itself if it is given the token file: it
is not asked on that way.
"""

import time

from clients import CLIENTS
from conftest import ARNS, PROFILE, a_machine
from identity_center import SESSION
from waiting import wait_for
from ways import WAYS

OUTAGE = 60


def test_an_outage_is_not_noticed(record):
    clients = [client for client in CLIENTS if client.found]
    residents = [(client, way) for client in clients for way in WAYS if client.stays]
    newcomers = [(client, way) for client in clients for way in WAYS if client.remembers or not way.by_itself]
    with a_machine() as machine, machine.daemon():

        def state():
            return machine.status()[SESSION]["state"]

        def renewal():
            """Of credentials that live an hour, give or take a hundredth, once those in hand are some seconds old.

            As long as they are new AWS is not asked, and they are said to last too short a time.
            """
            tried = machine.sso_refresh("credentials", "--profile", PROFILE, "--min-validity", "1h 30s")
            return tried if tried.returncode == 5 else None

        def all_have_the_right_role():
            for resident in residents:
                assert resident.ask() == ARNS[PROFILE], resident.name
            for client, way in newcomers:
                assert machine.ask(client, way) == ARNS[PROFILE], (client.name, way.name)

        machine.write_token(machine.simulator.sign_in())
        wait_for("the token", lambda: state() == "fresh")
        residents = [machine.start(client, way) for client, way in residents]
        for resident in residents:
            resident.wait_for_line(1)
        all_have_the_right_role()

        machine.gate.shut()
        end = time.monotonic() + OUTAGE
        assert machine.sso_refresh("refresh").returncode == 5
        # What asks for more than there is makes the daemon renew the role credentials. Those that it has stay.
        wait_for("a renewal that fails", renewal)
        while time.monotonic() < end:
            all_have_the_right_role()
        wait_for("an exchange that has failed", lambda: state() == "backoff")
        machine.gate.open()
        wait_for("an exchange that goes well", lambda: machine.sso_refresh("refresh").returncode == 0)
        all_have_the_right_role()
    for client in clients:
        record(client, "outage")
