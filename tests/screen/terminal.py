"""A terminal, which is a tmux of its own, with a shell in it."""

import contextlib
import subprocess

from waiting import wait_for

PROMPT = "ready> "


class Terminal:
    def __init__(self, home, environment):
        self.socket = home / "tmux"
        self.environment = environment

    def tmux(self, *arguments):
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def lines(self):
        """What is on the screen, without blanks at the ends of lines."""
        return self.tmux("capture-pane", "-p").splitlines()

    def text(self):
        return "\n".join(self.lines())

    def coloured(self):
        return self.tmux("capture-pane", "-e", "-p")

    def ask(self, what):
        """What tmux knows: `cursor_flag`, say."""
        return self.tmux("display-message", "-p", "#{" + what + "}").strip()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.keys("Enter")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, text):
        """The line that contains `text`."""

        def look():
            return next((line for line in self.lines() if text in line), None)

        try:
            return wait_for(repr(text), look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def wait_until_gone(self, text):
        wait_for(f"{text!r} is gone", lambda: text not in self.text())


@contextlib.contextmanager
def terminal(home, environment, columns, rows):
    """It ends with the block, and whatever runs in it."""
    start = home / "shrc"
    start.write_text(f"PS1='{PROMPT}'\n")
    variables = environment | {"LANG": "C.UTF-8", "ENV": str(start), "TERM": "xterm-256color"}
    there = Terminal(home, variables)
    there.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
    try:
        there.wait_for(PROMPT.strip())
        yield there
    finally:
        there.tmux("kill-server")
