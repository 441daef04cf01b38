"""Journeys, measurement and what models are learnt from: the same figures on every engine, to the last digit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.engines.duck import DuckDb
from tests.segmentation.engines.figures import figures
from tests.segmentation.engines.servers import fresh_postgres, spark_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures")


@pytest.fixture
def postgres() -> Iterator[Engine]:
    yield from fresh_postgres()


@pytest.fixture
def spark(tmp_path: Path) -> Engine:
    return spark_here(tmp_path)


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.timeout(1_200)]),
    ],
)
def test_figures_are_the_same(engine: str, folder: Path, request: pytest.FixtureRequest) -> None:
    found = figures(folder, request.getfixturevalue(engine))
    expected = figures(folder, DuckDb(threads=1))
    assert len(expected) > 20
    assert [name for name in expected if found[name] != expected[name]] == []
