"""The picture in the README is what the program draws."""

import pathlib

import machine
import picture
import scene
from terminal import terminal

PICTURE = pathlib.Path(__file__).parent / "../../packaging/picture/status-watch.svg"
COLUMNS, ROWS = 100, 22
# How long ago the user signed in, of eight hours.
SIGNED_IN = {"customer": {"hours": 7, "minutes": 50}, "personal": {"hours": 3}, "work": {"hours": 1, "minutes": 20}}
LEFT = {"customer": 38, "lab": 31, "personal": 47, "work": 55}


def drawn():
    with scene.machine(*LEFT) as there:
        there.config.parent.mkdir(parents=True)
        there.config.write_text("".join(f'[session.{name}]\nsession_duration = "8h"\n' for name in SIGNED_IN))
        with there.daemon():
            for name, minutes in LEFT.items():
                there.sign_in(name, minutes=minutes)
                there.knows(name, state="fresh")
        for name, ago in SIGNED_IN.items():
            there.signed_in_before(name, **ago)
        with there.daemon(), terminal(there.home, there.environment, COLUMNS, ROWS) as screen:
            for name in LEFT:
                there.knows(name, state="fresh")
            there.end("lab")
            screen.type(f"{machine.SSO_REFRESH} status --watch")
            screen.wait_for("1 needs you")
            # One that the user asks for, last of the events.
            screen.keys("End", "r")
            screen.wait_for("work: refreshed, good until")
            screen.wait_for("select   work: refreshed")
            return picture.svg(screen.coloured(), COLUMNS, "sso-refresh status --watch")


def test_the_picture_of_the_readme_is_what_the_program_draws(request):
    now = drawn()
    for foreign in ("http", "url(", "@import"):
        assert foreign not in now.replace("http://www.w3.org/2000/svg", "").replace("url(#", ""), foreign
    if request.config.getoption("--write"):
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(now)
    assert picture.words(PICTURE.read_text()) == picture.words(now), "make it again with tests/screen/picture"
