"""Every example segment gives the same members, holdouts, splits and thresholds on every engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation import Membership
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.engines.duck import DuckDb
from tests.segmentation.engines import matrix
from tests.segmentation.engines.servers import fresh_postgres, spark_cluster, spark_connect

SPARK = [pytest.mark.spark, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, Membership]:
    return matrix.members(folder, DuckDb(threads=1))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Engine]:
    yield from fresh_postgres()


@pytest.fixture
def spark(tmp_path: Path) -> Iterator[Engine]:
    with spark_cluster(tmp_path) as engine:
        yield engine


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Engine]:
    with spark_connect(tmp_path) as engine:
        yield engine


def test_the_world_tells_segments_apart(expected: dict[str, Membership]) -> None:
    real = [name for name, found in expected.items() if 0 < found.size < found.population]
    assert len(real) > 0.8 * len(expected)


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("spark", marks=SPARK),
        pytest.param("connect", marks=SPARK),
    ],
)
def test_members_are_the_same(
    engine: str, folder: Path, expected: dict[str, Membership], request: pytest.FixtureRequest
) -> None:
    found = matrix.members(folder, request.getfixturevalue(engine))
    assert [name for name in expected if found[name] != expected[name]] == []
