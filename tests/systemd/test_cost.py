"""What a service holds that has worked."""

import time

import box
from relay import relay

REFRESHES = 100
# Idle threads of the pool for blocking work end after ten seconds.
SETTLED = 12


def test_memory_after_a_hundred_refreshes_over_tls(dev, figure):
    with relay(dev.simulator.url, "127.0.0.1") as (url, authority):
        dev.write("authority.pem", authority)
        dev.write_config(f'ca_bundle = "{dev.home}/authority.pem"\n' + dev.config_at(url))
        dev.sign_in(minutes=59)
        dev.install()
        held = {}
        for times in (1, REFRESHES - 1):
            dev.expect("sh", "-ec", f"for _ in $(seq {times}); do sso-refresh refresh; done")
            time.sleep(SETTLED)
            exchanges = len(dev.exchanges())
            held[exchanges] = rss, pss = box.memory(dev.pid())
            figure(f"memory after {exchanges} refreshes over TLS", f"RSS {rss:.1f} MB, PSS {pss:.1f} MB")
    assert list(held) == [1, REFRESHES]
    assert held[REFRESHES][0] < held[1][0] + 2, "nothing is kept of an exchange"
