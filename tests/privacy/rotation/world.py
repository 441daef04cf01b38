"""A store with a bit of everything that rests on a key, and a rotation of it."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select

from passerelle.privacy.keys import Keyring, KeySettings
from passerelle.privacy.log import Log
from passerelle.privacy.personal import Personal
from passerelle.privacy.rotation.rotate import Rotated, Rotation
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Field

NOW = 1_795_219_200_000_000
PEOPLE = 12
ORIGIN = "passerelle/test"
SHARED = "standard@example.org"
GONE = "gone@example.org"


def made(folder: Path, url: str) -> "World":
    """A new key, a bound store, people, one identifier that too many share, somebody who was erased, a log."""
    Keyring.create(folder / "keys/master.key", random=lambda count: bytes(range(count)))
    world = World(folder, url)
    with world.store.write() as connection:
        world.keys.bind(connection, now=NOW)
    world.register(emails=[f"p{n}@example.org" for n in range(PEOPLE)], ids=[f"C{n}" for n in range(PEOPLE)])
    world.register(emails=[SHARED] * 5, ids=[f"D{n}" for n in range(5)])
    (gone,) = world.register(emails=[GONE], ids=["G1"])
    with world.store.write() as connection:
        people = pa.array([gone], pa.int64())
        world.subjects.hide(connection, people, counts_from=NOW, now=NOW, until=NOW * 2)
        world.subjects.forget(connection, people, now=NOW)
        world.log.append(connection, "operator", {"what": "begun"}, now=NOW)
        world.log.checkpoint(connection, now=NOW)
    return world


class World:
    """The rooms on one store; open it again to see what another process would."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.keys = Keyring.load(KeySettings(file=folder / "keys/master.key"))
        self.store = Store.open(url)
        self.log = Log(self.store, self.keys, ORIGIN, anchor=folder / "anchor.jsonl")
        self.subjects = Subjects(self.store, self.keys, shared_limit=3)

    def register(self, *, emails: list[str], ids: list[str]) -> list[int | None]:
        people = pa.table({"email": emails, "external_id": ids})
        with self.store.write() as connection:
            found: list[int | None] = self.subjects.register(connection, Personal(people), now=NOW).to_pylist()
        return found

    def find(self, email: str) -> int | None:
        with self.store.read() as connection:
            return self.subjects.find(connection, Field.EMAIL, email, None)

    def by_ref(self, ref: str) -> int | None:
        with self.store.read() as connection:
            return self.subjects.by_ref(connection, ref)

    def refs(self) -> list[str]:
        with self.store.read() as connection:
            return list(connection.execute(select(t.subject.c.subject_ref).order_by(t.subject.c.subject_id)).scalars())

    def erased(self, email: str) -> bool:
        with self.store.read() as connection:
            return self.subjects.was_erased(connection, Field.EMAIL, email, None)

    def emails(self) -> list[list[str] | None]:
        ids = pa.array(range(1, PEOPLE + 1), pa.int64())
        with self.store.read() as connection:
            found: list[list[str] | None] = self.subjects.identifiers(connection, ids).reveal()["email"].to_pylist()
        return found

    def verify(self) -> list[str]:
        with self.store.read() as connection:
            return self.log.verify(connection).problems

    def rotate(
        self, *only: str, rows: int = 5, step: Callable[[str], None] = lambda _name: None, now: int = NOW + 1
    ) -> Rotated:
        return Rotation(self.store, self.log, self.keys, rows=rows, step=step).rotate(only, now=now)

    def retire(self, generation: int, step: Callable[[str], None] = lambda _name: None) -> bool:
        return Rotation(self.store, self.log, self.keys, step=step).retire(generation, now=NOW + 2)

    def close(self) -> None:
        self.store.close()


def facts(world: World) -> dict[str, object]:
    """What no rotation may change, but for pseudonyms."""
    return {
        "found": [world.find(f"p{n}@example.org") for n in range(PEOPLE)],
        "emails": world.emails(),
        "shared": world.find(SHARED),
        "erased": [world.erased(GONE), world.erased("p1@example.org")],
        "people": len(world.refs()),
        "problems": world.verify(),
    }
