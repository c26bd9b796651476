"""Runs in the box: tests/systemd/run.

Files run in the order of their names. test_idle.py counts what the second user's service does while the tests before it
keep the first user's busy; what changes the network or needs both users comes after it.
"""

import concurrent.futures
import threading
import time

import box
import pytest

# What was measured, for the end of the run.
FIGURES = []


# A start is over by then, the threads for blocking work included.
SETTLED = 15


@pytest.fixture
def figure():
    """Notes one: its name and value."""
    return lambda name, value: FIGURES.append(f"{name}: {value}")


@pytest.fixture
def dev():
    """The first user, with refresh tokens that die when they are used."""
    with box.owner("box-dev", "--single-use") as user:
        yield user


@pytest.fixture(scope="session")
def idle():
    """The second user, whose service has nothing to do. `settled`: a time after its start, and its wakes until then."""
    with box.owner("box-ops") as user:
        user.sign_in(minutes=59)
        user.install()
        user.start()
        user.settled = concurrent.futures.Future()
        pid = user.pid()
        timer = threading.Timer(SETTLED, lambda: user.settled.set_result((time.monotonic(), box.thread_waits(pid))))
        timer.start()
        yield user
        timer.cancel()


@pytest.fixture(scope="session", autouse=True)
def begin_early(request):
    if any("idle" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("idle")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        for user in {value for value in item.funcargs.values() if isinstance(value, box.User)}:
            status = user.systemctl("status", "--full", "--lines=0", box.SERVICE, box.SOCKET).out
            journal = user.run("journalctl", "--user", "--no-hostname", "--lines=80").out
            report.sections.append((f"the service of {user.name}", status + journal))
    return report


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(FIGURES))
