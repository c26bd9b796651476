"""A phone reads the address from the terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
import zxingcpp
from conftest import SSO_REFRESH
from PIL import Image
from waiting import PATIENCE

# Which of two modules, one above the other, are white.
HALVES = {" ": (0, 0), "▄": (0, 255), "▀": (255, 0), "█": (255, 255)}
# What a camera would see of a module.
PIXELS = 4


def read(lines):
    """What a phone makes of lines of half blocks."""
    rows = [[HALVES[character][half] for character in line] for line in lines for half in (0, 1)]
    image = Image.new("L", (len(rows[0]), len(rows)))
    image.putdata([value for row in rows for value in row])
    [code] = zxingcpp.read_barcodes(image.resize([PIXELS * side for side in image.size], Image.Resampling.NEAREST))
    return code.text


@pytest.mark.parametrize("flag, page", [("--device-code", "/device?user_code="), ("--no-browser", "/authorize?")])
def test_the_code_in_the_terminal_is_the_address(machine, flag, page):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 70, 200, 0, 0))
    environment = machine.environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    environment.pop("LC_ALL", None)
    command = [SSO_REFRESH, "login", flag]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            shown = b""
            while b"Ctrl-C gives up" not in shown:
                shown += os.read(ours, 4096)
        finally:
            process.kill()
    process.wait(PATIENCE)
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    lines = [line for line in text.splitlines() if line and set(line) <= set(HALVES)]
    [address] = [line.strip() for line in text.splitlines() if page in line]
    assert read(lines) == address
