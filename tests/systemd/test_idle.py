"""What a service costs that has nothing to do."""

import time

import box

MINUTES = 3
WAKES_A_MINUTE = 0.5


def test_idle_it_wakes_for_the_watchdog_alone(idle, figure):
    assert idle.show("WatchdogUSec") != "0"
    pid = idle.pid()
    since, waits = idle.settled.result()
    time.sleep(max(0, since + 60 * MINUTES - time.monotonic()))
    minutes = (time.monotonic() - since) / 60
    wakes = box.thread_waits(pid) - waits
    figure(f"wakes in {minutes:.1f} idle minutes, WatchdogSec={idle.show('WatchdogUSec')}", wakes)
    assert idle.pid() == pid
    assert wakes <= WAKES_A_MINUTE * minutes
    assert idle.exchanges() == [], "nothing was due"
