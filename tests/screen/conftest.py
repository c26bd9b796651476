"""Three sessions in a terminal."""

import pytest
import scene
from terminal import terminal

SIZE = (100, 24)


def pytest_addoption(parser):
    parser.addoption("--write", action="store_true", help="write the README's picture")


@pytest.fixture
def machine():
    with scene.machine("home", "lab", "work") as machine:
        yield machine


@pytest.fixture
def screen(machine):
    with terminal(machine.home, machine.environment, *SIZE) as screen:
        yield screen
