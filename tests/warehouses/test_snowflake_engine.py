"""Snowflake as an engine, by its own connector against fakesnow: the same members, and copies that are never stale."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from passerelle.connectors.sources.sql.snowflake import Snowflake as Server
from passerelle.segmentation.engines.duck import DuckDb
from passerelle.segmentation.engines.snowflake import Snowflake
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.workspace import Workspace
from tests.segmentation.engines import matrix
from tests.segmentation.world import World, event, persons, purchase

pytestmark = pytest.mark.snowflake
VIEWED = {"did": "view"}


@pytest.fixture
def engine(snowflake_address: str, tmp_path: Path) -> Iterator[Snowflake]:
    with Server(urlsplit(snowflake_address.format("")), None) as there:
        there.run("CREATE DATABASE IF NOT EXISTS warehouse")
    connect = partial(Server, urlsplit(snowflake_address.format("/warehouse")), None)
    made = Snowflake(connect, scratch=tmp_path)
    made.forget()
    yield made
    made.forget()


def held(engine: Snowflake) -> list[str]:
    with engine.connect() as there:
        sql = f"""SELECT TABLE_NAME AS "name" FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '{engine.schema}'"""  # noqa: S608
        return sorted(there.answer(sql)["name"].to_pylist())


@pytest.mark.timeout(1_200)
def test_members_are_the_same(engine: Snowflake, tmp_path: Path) -> None:
    expected = matrix.members(tmp_path, DuckDb(threads=1))
    found = matrix.members(tmp_path, engine)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_copies_are_made_once_and_follow_new_files(engine: Snowflake, tmp_path: Path) -> None:
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
    assert (len(held(engine)), set(held(engine)) & set(first)) == (3, set())


def test_nothing_of_an_erased_person_stays(engine: Snowflake, tmp_path: Path) -> None:
    World(tmp_path, persons(1, 2), [purchase(1, 1)], [event(2, "view", 1)], engine=engine).members(VIEWED)
    schema = engine.schema
    with engine.connect() as there:
        there.run(f'CREATE TABLE "{schema}"."load_{"0" * 16}" (C0 NUMBER)')
        there.run(f'CREATE TABLE "{schema}"."somebody_elses" (C0 NUMBER)')
    engine.forget()
    assert held(engine) == ["somebody_elses"]
    with engine.connect() as there:
        there.run(f'DROP TABLE "{schema}"."somebody_elses"')


def test_a_workspace_names_it_and_a_check_says_where(engine: Snowflake, snowflake_address: str, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    scaffold(folder, empty=True)
    settings = yaml.safe_load((folder / "passerelle.yaml").read_text(encoding="utf-8"))
    settings["engine"] = {"kind": "snowflake", "url": snowflake_address.format("/warehouse")}
    (folder / "passerelle.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with Workspace.open(folder) as workspace:
        assert workspace.engine().check() == engine.check()
    assert "PASSERELLE_LAKE" in engine.check()
