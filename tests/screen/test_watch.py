"""The live view on a screen: what people see, and what is left when they have seen enough."""

import re
import subprocess

import machine as base
import pytest
from terminal import PROMPT, terminal
from waiting import wait_for

WATCH = f"{base.SSO_REFRESH} status --watch"


@pytest.fixture
def running(machine):
    """The daemon with three sessions, one of which needs a sign-in."""
    with machine.daemon() as daemon:
        for name in ("home", "lab", "work"):
            machine.sign_in(name, minutes=40)
            machine.knows(name, state="fresh")
        machine.end("lab")
        yield daemon


def seconds_left(screen, session):
    """What the row of a session says of its token."""
    row = screen.wait_for(f" {session} ")
    found = re.search(r"(\d+)m(?: (\d+)s)?", row)
    return int(found[1]) * 60 + int(found[2] or 0)


def process(screen):
    """The id of the program on the screen."""
    shell = screen.ask("pane_pid")
    return int(subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True, check=True).stdout)


def is_given_back(screen):
    """The shell is there with what it had shown before, and what is typed shows."""
    screen.wait_for("before it")
    wait_for("the prompt", lambda: screen.text().rstrip().endswith(PROMPT.strip()))
    assert (screen.ask("alternate_on"), screen.ask("cursor_flag")) == ("0", "1")
    screen.type("echo $((6 * 7)) is shown")
    wait_for("what was typed", lambda: "echo $((6 * 7)) is shown" in screen.text() and "\n42 is shown" in screen.text())


def start(screen):
    screen.type("echo before it")
    screen.wait_for("before it")
    screen.type(WATCH)
    screen.wait_for("q quit")


def test_it_counts_down_refreshes_and_gives_the_screen_back(machine, running, screen):
    start(screen)
    assert (screen.ask("alternate_on"), screen.ask("cursor_flag")) == ("1", "0")
    screen.wait_for(f"process {running.pid} · 3 sessions · 1 needs you")
    assert "sign in needed" in screen.wait_for(" lab ")
    assert "sso-refresh login lab" in screen.text()
    first = seconds_left(screen, "work")
    wait_for("a countdown", lambda: seconds_left(screen, "work") < first)

    spent = machine.exchanges()
    assert machine.sso_refresh("refresh", "work").returncode == 0
    screen.wait_for("work: refreshed, good until")
    wait_for("the new token", lambda: seconds_left(screen, "work") > 3500)
    screen.keys("r")
    screen.wait_for("home: refreshed, good until")
    assert machine.exchanges() == spent + 2, "nothing is spent by looking"

    screen.keys("q")
    is_given_back(screen)


def test_a_sign_in_by_somebody_else_shows(machine, running, screen):
    start(screen)
    screen.wait_for("1 needs you")
    machine.sign_in("lab")
    screen.wait_until_gone("1 needs you")
    assert "fresh" in screen.wait_for(" lab ")


def test_it_takes_whatever_room_there_is(running, screen):
    start(screen)
    for columns, rows in ((140, 40), (40, 10), (20, 5), (5, 2), (80, 24)):
        screen.resize(columns, rows)
        seen = lambda: any("lab" in line or columns < 12 for line in screen.lines()[:rows])
        wait_for(f"{columns}x{rows}", seen)
        assert all(len(line) <= columns for line in screen.lines())
        if columns == 140:
            screen.wait_for("127.0.0.1")
        # The keys are in the last line of the new size.
        wait_for("the last line", lambda: rows < 5 or "q quit" in screen.lines()[rows - 1])
    screen.keys("Escape")
    is_given_back(screen)


def test_a_daemon_that_is_killed_and_one_that_comes(machine, screen):
    with pytest.raises(AssertionError), machine.daemon() as daemon:
        machine.sign_in("work", minutes=40)
        machine.knows("work", state="fresh")
        start(screen)
        screen.wait_for(f"process {daemon.pid}")
        daemon.kill()
        screen.wait_for("the daemon is not running: start it with `sso-refresh service start`")
        assert "fresh" in screen.wait_for(" work "), "files tell what they can"
    with machine.daemon() as daemon:
        screen.wait_for(f"process {daemon.pid}")
        screen.wait_until_gone("is not running")
        screen.keys("C-c")
        is_given_back(screen)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_gives_the_screen_back(machine, screen, name):
    machine.sign_in("work", minutes=40)
    start(screen)
    subprocess.run(["kill", f"-{name.removeprefix('SIG')}", str(process(screen))], check=True)
    is_given_back(screen)


def test_it_steps_aside_and_comes_back(machine, screen):
    machine.sign_in("work", minutes=40)
    start(screen)
    screen.keys("C-z")
    screen.wait_for("Stopped")
    is_given_back(screen)
    screen.type("fg")
    screen.wait_for("q quit")
    assert screen.ask("alternate_on") == "1"
    first = seconds_left(screen, "work")
    wait_for("a countdown", lambda: seconds_left(screen, "work") < first)
    screen.keys("q")
    wait_for("the prompt", lambda: screen.ask("alternate_on") == "0" and screen.ask("cursor_flag") == "1")


def test_a_shell_without_unicode_or_colours(machine):
    machine.sign_in("work", minutes=40)
    plain = machine.environment | {"NO_COLOR": "1"}
    with terminal(machine.home, plain, 100, 24) as screen:
        screen.type(f"LC_ALL=C {WATCH}")
        screen.wait_for("j/k select")
        assert screen.text().isascii()
        assert not re.search(r"\x1b\[3[0-8]", screen.coloured()), "no colour"
        screen.keys("q")
