"""A network that goes and comes back."""

import datetime
import subprocess
import time

import box
import pytest
from relay import relay
from waiting import wait_for

ADDRESS = "10.77.0.1"
WITHIN = 1


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def link():
    """A pair of cables that is plugged together; this machine's address on it is set and taken away by the test."""
    ip("link", "add", "box0", "type", "veth", "peer", "name", "box1")
    for end in ("box0", "box1"):
        ip("link", "set", end, "up")
    yield "box0"
    ip("link", "delete", "box0")


def test_a_refresh_that_was_due_happens_when_the_network_is_back(dev, link, figure):
    with relay(dev.simulator.url, ADDRESS) as (url, authority):
        dev.write("authority.pem", authority)
        dev.write_config(f'ca_bundle = "{dev.home}/authority.pem"\n' + dev.config_at(url))
        dev.install()
        took = []
        # A busy machine may be late once.
        while len(took) < 3 and not any(seconds < WITHIN for seconds in took):
            dev.sign_in(minutes=10)
            retry_at = wait_for("a retry that is far away", lambda: distant_retry(dev))
            asked = len(dev.exchanges())
            assert asked == len(took)
            with box.measured() as seconds:
                ip("address", "add", f"{ADDRESS}/32", "dev", link)
                wait_for("the exchange", lambda: len(dev.exchanges()) > asked)
            assert datetime.datetime.now(datetime.timezone.utc) < retry_at, "the network's return began it"
            took += seconds
            dev.wait_until("the session", state="fresh")
            assert dev.accepted()
            ip("address", "delete", f"{ADDRESS}/32", "dev", link)
    figure("network back to a refresh that was due", f"{min(took):.2f} s")
    assert min(took) < WITHIN


def distant_retry(dev):
    """When it tries again, if that is not soon: in the first minute it never waits for more than 5 s."""
    status = dev.status()
    if status["state"] != "backoff" or "next" not in status:
        return None
    at = datetime.datetime.fromisoformat(status["next"]["at"])
    return at if (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds() > 3 * WITHIN else None
