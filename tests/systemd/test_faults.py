"""A daemon that hangs, and one that is killed."""

import contextlib
import os
import random
import signal
import statistics
import subprocess
import time

import box
from box import SERVICE, SESSION
from waiting import wait_for

WATCHDOG = 3
KILLS = 50


def test_a_daemon_that_hangs_is_started_anew(dev, figure):
    token = dev.sign_in(minutes=59)
    dev.install()
    dev.adjust("[Service]", f"WatchdogSec={WATCHDOG}")
    dev.manage("restart", SERVICE)
    dev.wait_until("the session", state="fresh")
    hung = dev.pid()
    time.sleep(2 * WATCHDOG)
    assert dev.pid() == hung, "one that does not hang lives on"
    with box.measured() as ended:
        os.kill(hung, signal.SIGSTOP)
        wait_for("its end", lambda: hung not in dev.pids())
    assert ended[0] < 3 * WATCHDOG, "a busy machine included"
    with box.measured() as seconds:
        wait_for("another", lambda: dev.pids() and dev.show("ActiveState") == "active")
        dev.wait_until("the session", state="fresh")
    told = [entry["MESSAGE"] for entry in dev.journal()]
    assert any("atchdog" in message for message in told), told
    assert dev.show("NRestarts") == "1"
    assert dev.token() == token and dev.exchanges() == []
    figure(f"a hung daemon, WatchdogSec={WATCHDOG}s: killed after", f"{ended[0]:.1f} s")
    figure("… and its session fresh again after another", f"{seconds[0]:.1f} s")


@contextlib.contextmanager
def refreshing(dev):
    """`sso-refresh refresh`, which begins with the block at once, and has ended after it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    waiting = dev.command("sh", "-c", "echo; read _; exec sso-refresh refresh")
    with subprocess.Popen(waiting, **pipes) as command:
        command.stdout.readline()
        command.stdin.write("\n")
        command.stdin.flush()
        yield
        command.communicate()


def a_refresh(dev):
    """How long one takes."""
    with box.measured() as seconds:
        with refreshing(dev):
            pass
    return seconds[0]


def test_a_killed_daemon_loses_nothing_but_an_answer_under_way(dev, figure):
    """Killed at random moments of refreshes, and started again by systemd."""
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    dev.simulator.faults("CreateToken:delay=20ms")
    dev.sign_in(minutes=59)
    dev.install()
    dev.adjust("[Unit]", "StartLimitIntervalSec=0", "[Service]", "RestartSec=50ms")
    dev.manage("restart", SERVICE)
    usual = statistics.median(a_refresh(dev) for _ in range(5))

    met, lost, recoveries = 0, 0, []
    for _ in range(KILLS):
        before, asked, killed = dev.token(), len(dev.exchanges()), dev.pid()
        with refreshing(dev):
            time.sleep(chance.uniform(0, 1.2 * usual))
            os.kill(killed, signal.SIGKILL)
            with box.measured() as seconds:
                wait_for("its end", lambda: killed not in dev.pids())
                wait_for("another", lambda: dev.show("ActiveState") == "active")
                wait_for("the session", lambda: dev.status()["state"] in ("fresh", "login-required"))
        recoveries += seconds
        exchanges = dev.exchanges()[asked:]
        met += bool(exchanges)
        spent = exchanges and dev.token()["refreshToken"] == before["refreshToken"]
        # What is on the disk is good for one more exchange, or it is said that it is not.
        done = dev.sso_refresh("refresh")
        if done.code != 0:
            assert done.code == 3 and f"sso-refresh login {SESSION}" in done.err, done
            assert f"sso-refresh login {SESSION}" in dev.status()["remedy"]
            assert spent and exchanges[0]["status"] == 200, "no answer was there to be lost"
            lost += 1
            dev.sign_in(minutes=59)
            dev.wait_until("the sign-in", state="fresh")
        assert dev.accepted()
    recoveries.sort()
    figure(f"killed {KILLS} times, with an exchange begun or done", met)
    figure("… answers that were lost with the process, and told", lost)
    figure("… back after the kill, median and worst", f"{recoveries[KILLS // 2]:.2f} s, {recoveries[-1]:.2f} s")
    assert met > KILLS / 10, "hardly any met an exchange"
