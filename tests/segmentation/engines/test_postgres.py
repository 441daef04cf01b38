"""The lake's copies in PostgreSQL: made once, never stale, dropped when nobody reads them or somebody is erased."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from passerelle.privacy.errors import DefinitionError, TryLater
from passerelle.segmentation.engines.postgres import Postgres
from tests.segmentation.engines.servers import fresh_postgres
from tests.segmentation.world import MODEL, World, event, persons, purchase

pytestmark = pytest.mark.postgres

VIEWED = {"did": "view"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    yield from fresh_postgres()


@pytest.fixture
def engine(server: Postgres) -> Postgres:
    server.forget()
    return server


@pytest.fixture
def world(tmp_path: Path, engine: Postgres) -> World:
    return World(tmp_path, persons(1, 2), [purchase(1, 1)], [event(2, "view", 1)], engine=engine)


def copies(engine: Postgres) -> list[tuple[str, int]]:
    """Each table of the schema, and when it was made: its number in the server."""
    sql = "SELECT relname::text, oid::int FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'"
    with psycopg.connect(engine.url) as connection:
        return sorted((str(name), int(oid)) for name, oid in connection.execute(sql, (engine.schema,)))


def test_the_same_files_are_copied_once(world: World, engine: Postgres) -> None:
    dataset = world.dataset()
    world.dataset = lambda: dataset  # type: ignore[method-assign]
    assert world.members(VIEWED) == {2}
    first = copies(engine)
    assert world.members(VIEWED) == {2}
    assert copies(engine) == first
    assert len(first) == 3


def test_new_files_take_the_place_of_old_ones(world: World, engine: Postgres) -> None:
    assert world.members(VIEWED) == {2}
    before = copies(engine)
    world.web = [event(1, "view", 1)]
    assert world.members(VIEWED) == {1}
    assert len(copies(engine)) == 3
    assert not set(copies(engine)) & set(before)


def test_copies_that_a_run_reads_stay_until_it_ends(world: World, engine: Postgres) -> None:
    dataset = world.dataset()
    tables = {name: dataset.tables[written["from"]] for name, written in MODEL["tables"].items()}
    with engine.open(tables, dataset) as session:
        world.web = [event(1, "view", 1)]
        assert world.members(VIEWED) == {1}
        assert len(copies(engine)) == 6
        assert session.fetch(session.events("web")).column("subject_id").to_pylist() == [2]
    assert world.members(VIEWED) == {1}
    assert len(copies(engine)) == 3


def test_nothing_of_an_erased_person_stays(world: World, engine: Postgres) -> None:
    world.members(VIEWED)
    engine.forget()
    assert copies(engine) == []


def test_other_tables_of_the_schema_are_left_alone(world: World, engine: Postgres) -> None:
    with psycopg.connect(engine.url) as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{engine.schema}"')
        connection.execute(f'CREATE TABLE "{engine.schema}".lake_of_the_users_own (x int)')
    world.members(VIEWED)
    engine.forget()
    assert [name for name, _ in copies(engine)] == ["lake_of_the_users_own"]
    with psycopg.connect(engine.url) as connection:
        connection.execute(f'DROP TABLE "{engine.schema}".lake_of_the_users_own')


def test_a_text_that_postgresql_cannot_hold_is_named_by_its_column(world: World) -> None:
    world.people = persons(1, loyalty="secret\x00text")
    with pytest.raises(DefinitionError, match="`loyalty` of `crm`") as caught:
        world.members(VIEWED)
    assert "secret" not in str(caught.value)


def test_a_server_that_cannot_be_reached_is_tried_later_and_no_password_is_shown(world: World) -> None:
    world.engine = Postgres("postgresql://somebody:hunter2@127.0.0.1:1/nowhere")
    with pytest.raises(TryLater) as caught:
        world.members(VIEWED)
    assert "hunter2" not in repr((caught.value, caught.value.__cause__, caught.value.__context__, world.engine))


def test_a_check_says_which_server_it_is(engine: Postgres) -> None:
    assert engine.check().startswith("PostgreSQL 1")
