"""A client's process, which asks when it is told to."""

import os
import subprocess
import tempfile
import time

from waiting import PATIENCE, wait_for


class Running:
    def __init__(self, client, command, environment, log_file):
        self.name = client.name
        self.log_file = log_file
        self.began = time.monotonic()
        # Files and no pipes: nobody has to read while it runs, and nothing waits without an end.
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=self.out, stderr=self.err, text=True
        )

    def lines(self):
        # It shares the place in the file with us.
        *whole, _ = os.pread(self.out.fileno(), 65536, 0).decode().split("\n")
        return whole

    def wait_for_line(self, number):
        ended = lambda: self.process.poll() is not None
        wait_for(f"line {number} of {self.name}", lambda: len(self.lines()) >= number or ended())
        assert len(self.lines()) >= number, self.complaint()

    def tell(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # What has ended, or never listens, is told by its lines.
            pass

    def ask(self):
        """Whom AWS takes it for, now."""
        before = len(self.lines())
        self.tell()
        self.wait_for_line(before + 1)
        return self.lines()[-1]

    def ask_and_end(self, seconds=PATIENCE):
        self.tell()
        return self.answer(seconds)

    def answer(self, seconds=PATIENCE):
        """Its last word, when it has ended well."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        assert self.process.wait(seconds) == 0, self.complaint()
        return self.lines()[-1]

    def complaint(self):
        """All that may tell why it did not go well: a client that a signal has ended says nothing."""
        took = time.monotonic() - self.began
        said = [os.pread(file.fileno(), 65536, 0).decode() for file in (self.out, self.err)]
        log = self.log_file.read_text()[-4096:] if self.log_file.exists() else "there is none"
        return (
            f"{self.name}: {self.process.args} ended with {self.process.returncode} after {took:.1f} s, load"
            f" {os.getloadavg()}; printed {said[0]!r}, complained {said[1]!r}; the daemon's log:\n{log}"
        )

    def kill(self):
        self.process.kill()
        self.process.wait()
