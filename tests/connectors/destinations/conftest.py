from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import Twins, in_process
from tests.connectors.destinations.stage import Stage, google, meta, staged

NUMBERS = count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[Twins]:
    with in_process() as twins:
        yield twins


@pytest.fixture
def twins(running: Twins) -> Iterator[Twins]:
    yield running
    running.clear_faults()
    running.clock(polls=0, release=True)


@pytest.fixture
def on_meta(twins: Twins, tmp_path: Path) -> Stage:
    slept: list[float] = []
    return staged(meta(twins, tmp_path, slept), twins, slept, f"audience_{next(NUMBERS)}")


@pytest.fixture
def on_google(twins: Twins, tmp_path: Path) -> Stage:
    slept: list[float] = []
    return staged(google(twins, tmp_path, slept), twins, slept, f"audience_{next(NUMBERS)}")


@pytest.fixture(params=["meta", "google_ads"])
def stage(request: pytest.FixtureRequest, twins: Twins, tmp_path: Path) -> Stage:
    slept: list[float] = []
    make = meta if request.param == "meta" else google
    return staged(make(twins, tmp_path, slept), twins, slept, f"audience_{next(NUMBERS)}")
