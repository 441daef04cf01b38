from itertools import count
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.stage import Stage, google, meta, staged

NUMBERS = count(1)


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


@pytest.fixture(params=["grpc", "rest"])
def list_(request: pytest.FixtureRequest, twins: Twins, tmp_path: Path) -> Stage:
    """An audience at Google, reached in either way."""
    slept: list[float] = []
    endpoints = twins.google_rest if request.param == "rest" else twins.google
    made = google(twins, tmp_path, slept, transport=request.param, endpoints=endpoints)
    return staged(made, twins, slept, f"audience_{next(NUMBERS)}")
