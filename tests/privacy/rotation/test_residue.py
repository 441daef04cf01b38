"""Deleted data leaves no residue in the database file: neither after an erasure, nor after a rotation."""

from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select, text, true

from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from tests.privacy.rotation.world import NOW, PEOPLE, World, made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return made(tmp_path, f"sqlite:///{tmp_path}/var/control.db")


def secrets(world: World, person: int | None = None) -> list[bytes]:
    """Wrapped keys, sealed bodies, digests and pseudonyms as they stand in the file."""
    found: list[bytes] = []
    with world.store.read() as connection:
        vault, identity, subject = (
            connection.execute(select(table).where(true() if person is None else table.c.subject_id == person)).all()
            for table in (t.vault, t.identity, t.subject)
        )
    for row in vault:
        found += [row.data_key, row.audit_key] + ([row.body] if person is not None else [])
    found += [row.digest for row in identity if row.subject_id > 0]
    found += [row.subject_ref.encode() for row in subject if row.subject_ref.startswith("s")]
    return found


def left(world: World, wanted: list[bytes]) -> int:
    """How many of these are anywhere in the files of the closed database: pages in use, free pages, the WAL."""
    content = b"".join(path.read_bytes() for path in (world.folder / "var").glob("control.db*") if path.is_file())
    assert len(content) > 4096
    return sum(secret in content for secret in wanted)


def test_an_erased_person_leaves_no_key_no_ciphertext_no_digest(world: World) -> None:
    theirs = secrets(world, 5)
    world.store.close()
    assert left(world, theirs) == len(theirs) == 6
    again = World(world.folder, world.url)
    with again.store.write() as connection:
        people = pa.array([5], pa.int64())
        again.subjects.hide(connection, people, counts_from=NOW, now=NOW, until=NOW * 2)
        again.subjects.forget(connection, people, now=NOW)
    again.close()
    assert left(world, theirs) == 0


def test_a_rotation_leaves_nothing_of_the_old_generation(world: World) -> None:
    old = secrets(world)
    assert len(old) > 4 * PEOPLE
    world.rotate()
    world.close()
    assert left(world, old) == 0


def test_every_connection_overwrites_what_it_deletes(world: World) -> None:
    connections = [world.store.read(), world.store.read(), world.store.write()]
    entered = [each.__enter__() for each in connections]
    assert [each.execute(text("PRAGMA secure_delete")).scalar() for each in entered] == [1, 1, 1]
    for each in reversed(connections):
        each.__exit__(None, None, None)
    reopened = Store.open(world.url)
    with reopened.write() as connection:
        assert connection.execute(text("PRAGMA secure_delete")).scalar() == 1
    reopened.close()
    world.close()
