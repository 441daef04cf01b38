"""Twins that a module's tests share, each finding them without faults and with their clock let go."""

from collections.abc import Iterator

import pytest

from passerelle.connectors.twins.handle import Twins, in_process


@pytest.fixture(scope="module")
def running() -> Iterator[Twins]:
    with in_process() as twins:
        yield twins


@pytest.fixture
def twins(running: Twins) -> Iterator[Twins]:
    yield running
    running.clear_faults()
    running.clock(polls=0, release=True)
