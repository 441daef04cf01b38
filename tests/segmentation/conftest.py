from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.engines.duck import DuckDb
from tests.segmentation.engines.servers import POSTGRES, fresh_postgres
from tests.segmentation.world import World


@pytest.fixture(params=["duckdb", POSTGRES])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """Every case of this folder runs on every engine that is asked for."""
    return World(tmp_path, engine=request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def duckdb() -> Engine:
    return DuckDb(memory="512MB", threads=1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Engine]:
    yield from fresh_postgres()
