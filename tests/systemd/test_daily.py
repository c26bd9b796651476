"""What users meet: install, start, status, journal, reload, activation, stop, uninstall."""

import os
import signal

import box
from box import SERVICE, SESSION, SOCKET
from waiting import wait_for

# A process that stops itself before it becomes the daemon.
BY_HAND = ("ExecStart=", f"ExecStart=/bin/sh -c 'kill -STOP $$$$; exec {box.PROGRAM} run'")


def stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def test_it_is_active_once_it_is_ready(dev, figure):
    dev.sign_in(minutes=59)
    dev.install()
    dev.manage("stop", SERVICE)
    dev.adjust("[Service]", *BY_HAND)
    dev.manage("start", "--no-block", SERVICE)
    wait_for("the process that stops itself", lambda: stopped(dev.pid()))
    assert dev.show("ActiveState") == "activating"
    os.kill(dev.pid(), signal.SIGCONT)
    wait_for("the service", lambda: dev.show("ActiveState") == "active")
    assert dev.sso_refresh("reload").code == 0, "what is active answers"

    dev.adjust("[Service]")
    dev.manage("restart", SERVICE)
    moments = [int(dev.show(name)) for name in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")]
    figure("ready after start", f"{(moments[1] - moments[0]) / 1000:.1f} ms")


def test_the_status_line_says_how_the_sessions_are(dev):
    dev.sign_in(minutes=59)
    dev.install()
    dev.start()
    wait_for("the status line", lambda: dev.show("StatusText").startswith("1 session fresh, next refresh "))
    assert "1 session fresh, next refresh " in dev.manage("status", SERVICE)
    dev.expect("rm", dev.token_file)
    wait_for("the command that helps", lambda: f"sso-refresh login {SESSION}" in dev.show("StatusText"))


def test_the_journal_has_the_fields_and_no_secret(dev):
    dev.sign_in(seconds=60)
    dev.install()
    dev.start()
    dev.wait_until("a refresh", state="fresh")
    dev.secrets |= {dev.token()[name] for name in ("accessToken", "refreshToken")}
    dev.simulator.end_session()
    assert dev.sso_refresh("refresh").code == 3

    entries = [entry for entry in dev.journal() if entry.get("SSO_SESSION") == SESSION]
    by_event = {entry["SSO_EVENT"]: entry for entry in entries}
    refreshed, needed = by_event["refreshed"], by_event["sign_in_needed"]
    assert refreshed["PRIORITY"] == "6" and refreshed["EXPIRES_AT"].endswith("Z")
    assert refreshed["NEXT_REFRESH"] < refreshed["EXPIRES_AT"]
    assert needed["PRIORITY"] == "4" and f"sso-refresh login {SESSION}" in needed["MESSAGE"]
    assert needed["ERROR_KIND"]
    for entry in entries:
        assert len(entry["MESSAGE_ID"]) == 32 and entry["SYSLOG_IDENTIFIER"] == "sso-refresh", entry
    assert len({entry["MESSAGE_ID"] for entry in by_event.values()}) == len(by_event)

    told = dev.everything_told()
    assert SESSION in told
    assert [secret for secret in dev.secrets if secret in told] == []


def test_a_reload_takes_up_a_good_configuration_and_refuses_a_bad_one(dev):
    dev.sign_in(minutes=59)
    dev.install()
    dev.start()
    dev.wait_until("the session", state="fresh")

    dev.write_config('refresh_before = "25m"\n' + dev.config)
    dev.manage("reload", SERVICE)
    good = dev.status()

    dev.write_config('refresh_befor = "25m"\n' + dev.config)
    refused = dev.systemctl("reload", SERVICE)
    assert refused.code != 0 and SERVICE in refused.err, refused
    assert dev.show("ActiveState") == "active"
    told = [entry["MESSAGE"] for entry in dev.journal()]
    assert any("config.toml:1:1" in message and "refresh_before" in message for message in told), told
    wait_for("the status line", lambda: "config.toml:1:1" in dev.show("StatusText"))
    assert dev.status() == good

    dev.write_config(dev.config)
    dev.manage("reload", SERVICE)
    wait_for("the status line", lambda: "config.toml" not in dev.show("StatusText"))
    assert dev.exchanges() == []


def test_the_first_token_starts_the_daemon(dev, figure):
    token = dev.sign_in(minutes=59)
    dev.install()
    dev.manage("start", SOCKET)
    dev.manage("stop", SERVICE)
    assert (dev.show("ActiveState"), dev.show("ActiveState", SOCKET)) == ("inactive", "active")
    with box.measured() as seconds:
        asked = dev.sso_refresh("token")
    assert asked == box.Done(0, token["accessToken"] + "\n", "")
    assert dev.show("ActiveState") == "active"
    assert dev.sso_refresh("reload").code == 0, "it is the daemon that answers at the socket"
    figure("the first token, with the start of the daemon", f"{seconds[0] * 1000:.0f} ms")


def test_a_stop_lets_an_exchange_end(dev, figure):
    dev.simulator.faults("CreateToken:delay=2s")
    old = dev.sign_in(seconds=60)
    dev.install()
    dev.start()
    wait_for("an exchange", dev.exchanges)
    with box.measured() as seconds:
        dev.manage("stop", SOCKET, SERVICE)
    assert (dev.show("ActiveState"), dev.show("Result")) == ("inactive", "success")
    assert len(dev.exchanges()) == 1
    assert dev.token()["accessToken"] != old["accessToken"] and dev.accepted()
    figure("a stop in an exchange of 2 s", f"{seconds[0]:.1f} s")


def test_systemd_finds_no_fault_in_the_units(dev, figure):
    dev.install()
    units = [f".config/systemd/user/{unit}" for unit in (SERVICE, SOCKET)]
    # It only warns of what it does not know.
    assert dev.run("systemd-analyze", "--user", "verify", "--man=no", *units) == box.Done(0, "", "")
    *_, score = dev.expect("systemd-analyze", "--user", "--no-pager", "security", SERVICE).strip().splitlines()
    figure("systemd-analyze security", score.removeprefix("→").strip())


def test_the_verbs_do_what_they_say(dev):
    dev.sign_in(minutes=59)
    dev.install()
    assert dev.show("ActiveState") == "active"
    first = dev.pid()
    written = dev.expect("find", ".config/systemd", "-printf", "%T@ %p\\n")
    dev.install()
    assert (dev.pid(), dev.expect("find", ".config/systemd", "-printf", "%T@ %p\\n")) == (first, written)
    for verb, state in (("stop", "inactive"), ("start", "active"), ("restart", "active"), ("reload", "active")):
        assert dev.sso_refresh("service", verb).code == 0
        assert (dev.show("ActiveState"), dev.show("ActiveState", SOCKET)) == (state, state), verb
    assert dev.pid() != first
    dev.wait_until("the session", state="fresh")
    status = dev.sso_refresh("service", "status")
    assert status.code == 0 and str(dev.show("MainPID")) in status.out and SESSION in status.out, status
    assert "has started" in dev.sso_refresh("service", "logs").out
    dev.expect("rm", dev.token_file)
    wait_for("that a sign-in is needed", lambda: dev.sso_refresh("service", "status").code == 3)


def test_an_uninstall_leaves_the_users_own_and_says_so(dev):
    dev.sign_in(minutes=59)
    before = dev.files()
    dev.install()
    dev.start()
    dev.wait_until("the session", state="fresh")
    done = dev.sso_refresh("service", "uninstall")
    assert done.code == 0, done
    assert dev.pids() == []
    for listing in (("list-units", "--all"), ("list-unit-files",)):
        assert dev.systemctl(*listing, "--plain", "--no-legend", "sso-refresh*").out == ""
    assert not (box.ROOT / dev.runtime.lstrip("/") / "sso-refresh/api.sock").exists()

    after = dev.files()
    # Besides its state, empty folders at most where any program has its units and state.
    own = {path for path in after if path.startswith("./.local/state/sso-refresh")}
    shared = {"./.local", "./.local/state"}
    assert after - before - own <= shared, after
    assert before <= after
    for kept in (".config/sso-refresh", ".aws/sso/cache", ".local/state/sso-refresh"):
        assert kept in done.out + done.err, kept
