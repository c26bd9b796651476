"""Notifications of the confined service, on the session bus that systemd starts for the user."""

import json
import urllib.request

import box
from desktop import desktop
from waiting import wait_for

# Keeps what it is asked to open, and where it runs.
BROWSER = 'cat /proc/self/cgroup >"$HOME/where"; echo "$1" >"$HOME/tab"\n'


def test_a_needed_sign_in_is_shown_once_and_its_button_begins_it_outside_of_the_service():
    with box.owner("box-dev", "--auto-approve") as dev, desktop(dev) as screen:
        dev.write("browser", BROWSER)
        dev.manage("set-environment", f"BROWSER=/bin/sh {dev.home}/browser")
        dev.sign_in(minutes=59)
        dev.install()
        dev.start()
        dev.wait_until("the session", state="fresh")
        assert dev.show("PrivateUsers") == "yes", "the service is confined"
        dev.simulator.end_session()
        assert dev.sso_refresh("refresh").code == 3
        shown = screen.wait_for(1)
        assert shown.summary == f"AWS sign-in needed: {box.SESSION}"

        screen.press(shown)
        tab = wait_for("a tab of the browser", lambda: dev.seen("tab").exists() and dev.seen("tab").read_text().strip())
        unit = dev.seen("where").read_text().strip().rsplit("/", 1)[1]
        assert unit != box.SERVICE and unit.endswith(".service"), unit
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(tab, timeout=10) as page:
            assert page.status == 200
        dev.wait_until("the session", state="fresh")
        wait_for("the notification to be taken away", lambda: shown.id in screen.closed)
        told = dev.expect("journalctl", "--user", f"--unit={unit}", "--output=cat")
        assert "signed in" in told.lower(), told
        wait_for("the service to leave the bus", lambda: shown.sender not in names(dev))
        assert len(screen.shown) == 1
        dev.manage("unset-environment", "BROWSER")


def names(user):
    listed = json.loads(user.expect("busctl", "--user", "--json=short", "list"))
    return {entry["name"] for entry in listed}
