"""BigQuery as an engine, by Google's client against bqemulator: the same members, and copies that are never stale."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from passerelle.connectors.sources.sql.bigquery import BigQuery as Server
from passerelle.segmentation.engines.bigquery import BigQuery
from passerelle.segmentation.engines.duck import DuckDb
from tests.segmentation.engines import matrix
from tests.segmentation.world import World, event, persons, purchase

pytestmark = [pytest.mark.bigquery, pytest.mark.xdist_group("bigquery")]
VIEWED = {"did": "view"}


@pytest.fixture
def engine(bigquery_address: str, tmp_path: Path) -> Iterator[BigQuery]:
    connect = partial(Server, urlsplit(bigquery_address.format("/passerelle_lake")), None, 10**12)
    made = BigQuery(connect, scratch=tmp_path)
    made.forget()
    yield made
    made.forget()


def held(engine: BigQuery) -> list[str]:
    with engine.connect() as there:
        return there.tables(engine.dataset)


@pytest.mark.timeout(1_200)
def test_members_are_the_same(engine: BigQuery, tmp_path: Path) -> None:
    expected = matrix.members(tmp_path, DuckDb(threads=1))
    found = matrix.members(tmp_path, engine, at_once=4)  # bqemulator takes minutes for what all of them together ask
    assert [name for name in expected if found[name] != expected[name]] == []


def test_copies_are_made_once_and_follow_new_files(engine: BigQuery, tmp_path: Path) -> None:
    world = World(tmp_path, persons(1, 2), [purchase(1, 1)], [event(2, "view", 1)], engine=engine)
    dataset = world.dataset()
    world.dataset = lambda: dataset  # type: ignore[method-assign]
    assert world.members(VIEWED) == {2}
    first = held(engine)
    assert (len(first), all(name.startswith("lake_") for name in first)) == (3, True)
    assert world.members(VIEWED) == {2}
    assert held(engine) == first
    other = World(tmp_path, persons(1, 2), [purchase(1, 1)], [event(1, "view", 1)], engine=engine)
    assert other.members(VIEWED) == {1}


def test_nothing_of_an_erased_person_stays(engine: BigQuery, tmp_path: Path) -> None:
    World(tmp_path, persons(1, 2), [purchase(1, 1)], [event(2, "view", 1)], engine=engine).members(VIEWED)
    with engine.connect() as there:
        there.run(f"CREATE TABLE `passerelle_lake`.`run_{'0' * 16}_people` AS SELECT 1 AS subject_id")
        there.run("CREATE TABLE `passerelle_lake`.`somebody_elses` AS SELECT 1 AS one")
    engine.forget()
    assert held(engine) == ["somebody_elses"]
    with engine.connect() as there:
        there.run("DROP TABLE `passerelle_lake`.`somebody_elses`")


def test_a_check_says_where(engine: BigQuery) -> None:
    assert "passerelle_lake" in engine.check()
