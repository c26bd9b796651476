"""A desktop on the session bus of a user of the box: it shows nothing, and keeps what it was asked to show."""

import contextlib
import dataclasses
import os
import threading

import box
import jeepney
import jeepney.bus_messages
import jeepney.io.blocking
from waiting import wait_for

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


@dataclasses.dataclass
class Shown:
    """A notification as it was asked for. Its sender is the unique name of who asked."""

    id: int
    sender: str
    summary: str
    body: str
    actions: list


class Desktop:
    def __init__(self, bus):
        self.bus = bus
        self.shown = []
        self.closed = []
        asked = jeepney.bus_messages.message_bus.RequestName(NAME)
        bus.send_and_get_reply(asked)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        """Answers until the connection is closed."""
        with contextlib.suppress(OSError, ValueError, ConnectionResetError):
            while True:
                message = self.bus.receive()
                if message.header.message_type == jeepney.MessageType.method_call:
                    self.bus.send(self.answer(message))

    def answer(self, message):
        fields = message.header.fields
        member = fields[jeepney.HeaderFields.member]
        if member == "GetCapabilities":
            return jeepney.new_method_return(message, "as", (["actions", "body"],))
        if member == "Notify":
            _, replaced, _, summary, body, actions, _, _ = message.body
            number = replaced or 100 + len(self.shown)
            self.shown.append(Shown(number, fields[jeepney.HeaderFields.sender], summary, body, actions))
            return jeepney.new_method_return(message, "u", (number,))
        if member == "CloseNotification":
            self.closed.append(message.body[0])
        return jeepney.new_method_return(message)

    def wait_for(self, count):
        """The last of so many notifications."""
        return wait_for("a notification", lambda: len(self.shown) >= count and self.shown[count - 1])

    def press(self, shown):
        where = jeepney.DBusAddress(PATH, interface=NAME)
        self.bus.send(jeepney.new_signal(where, "ActionInvoked", "us", (shown.id, shown.actions[0])))


@contextlib.contextmanager
def desktop(user):
    """One on the bus of `user`, until the end of the block."""
    # The way there is root's alone, and the bus takes nobody but its user.
    with contextlib.chdir(f"{box.ROOT}{user.runtime}"):
        os.setresuid(user.uid, user.uid, 0)
        try:
            bus = jeepney.io.blocking.open_dbus_connection(bus="unix:path=bus")
        finally:
            os.setresuid(0, 0, 0)
    with bus:
        yield Desktop(bus)
