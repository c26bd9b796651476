"""Two users whose services run at once."""

import contextlib
import os
import socket

import box
from box import SERVICE


def test_two_users_do_not_meet(dev, idle):
    ops = idle
    dev.sign_in(minutes=59)
    dev.install()
    dev.start()
    dev.wait_until("the session", state="fresh")
    for user in (dev, ops):
        assert user.expect("loginctl", "show-user", "--property=Linger", "--value", user.name) == "yes\n"
        assert user.expect("sso-refresh", "token") == user.token()["accessToken"] + "\n"
    assert dev.token()["accessToken"] != ops.token()["accessToken"]

    # The same session name, the same start URL; each has its own Identity Center here.
    dev.expect("sso-refresh", "refresh")
    assert (len(dev.exchanges()), len(ops.exchanges())) == (1, 0)

    # Neither files nor socket; and where the folders are open to all by mistake, the daemon looks at who asks.
    assert dev.run("ls", ops.runtime).code != 0
    assert dev.run("cat", f"{ops.home}/{ops.token_file}").code != 0
    folder = f"{ops.runtime}/sso-refresh"
    modes = {path: os.stat(seen(path)).st_mode & 0o777 for path in (ops.runtime, folder, f"{folder}/api.sock")}
    try:
        for path in modes:
            os.chmod(seen(path), 0o777)
        assert answer(ops, folder).startswith("connected: HTTP/1.1 200")
        assert answer(dev, folder) == "connected: "
        assert dev.run("env", f"XDG_RUNTIME_DIR={ops.runtime}", "sso-refresh", "reload").code != 0
    finally:
        for path, mode in modes.items():
            os.chmod(seen(path), mode)

    for one, other in ((dev, ops), (ops, dev)):
        told = one.everything_told()
        assert one.pid() != other.pid()
        assert [secret for secret in one.secrets | other.secrets if secret in told] == []
        assert {entry["_UID"] for entry in one.journal()} <= {str(one.uid)}
        assert other.home not in told and other.simulator.url not in told

    dev.manage("stop", SERVICE, box.SOCKET)
    assert ops.show("ActiveState") == "active"


def seen(path):
    return box.ROOT / path.lstrip("/")


def answer(user, folder):
    """What the daemon of `folder` answers when `user` asks for a token, whatever the commands would say to that."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            os.chdir(seen(folder))
            os.setgroups([])
            os.setresgid(user.uid, user.uid, user.uid)
            os.setresuid(user.uid, user.uid, user.uid)
            connection.connect("api.sock")
            os.write(writing, b"connected: ")
            connection.sendall(b"GET /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while data := connection.recv(65536):
                os.write(writing, data)
        os._exit(0)
    os.close(writing)
    with open(reading) as answered:
        text = answered.read()
    os.waitpid(child, 0)
    return text
