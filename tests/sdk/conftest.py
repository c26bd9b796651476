"""A simulator for all tests, an environment in which no AWS program can leave the machine, and clients."""

import functools
import os

import botocore.session
import identity_center
import pytest
from botocore.config import Config


@pytest.fixture(scope="session")
def process():
    with identity_center.simulate("--interval", "0s") as url:
        yield url


@pytest.fixture
def simulator(process):
    simulator = identity_center.Simulator(process)
    simulator.faults()
    yield simulator
    simulator.end_session()


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path, process):
    wanted = identity_center.environment(tmp_path, process)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def client():
    """The client of a service. It tries once, so that each error is seen."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=10)
    session = botocore.session.get_session()
    return functools.cache(lambda service: session.create_client(service, config=config))
