"""Who comes in compares, unless others are in; who is killed leaves a store that is verified."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.store import Store
from passerelle.privacy.store.tables import setting
from passerelle.privacy.store.watch import Places, Watch

KEY = bytes(range(32))
NOW = 1_795_219_200_000_000


class House:
    """A sealed store, and how often it was verified."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "control.db"
        self.places = Places(folder / "elsewhere/left", folder / "locks/watch.lock", self.database)
        self.verified = 0
        self.store = self.opened()

    def opened(self) -> Store:
        store = Store.open(f"sqlite:///{self.database}")
        store.seal_with(KEY)
        return store

    def watch(self, every: int | None = None) -> Watch:
        return Watch(self.places, KEY, self._verify, every=every)

    def write(self, name: str) -> None:
        with self.store.write() as connection:
            self.store.insert(connection, setting, {"name": [name], "value": ["1"]})

    def run(self, name: str, *, now: int = NOW, every: int | None = None) -> int:
        """One run that writes; how often it verified."""
        before, watch = self.verified, self.watch(every)
        watch.enter(self.store, now=now)
        self.write(name)
        watch.leave(self.store)
        return self.verified - before

    def _verify(self) -> None:
        self.verified += 1


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def test_only_the_first_run_verifies(house: House) -> None:
    assert [house.run(name) for name in "abc"] == [1, 0, 0]


def test_a_run_that_was_killed_makes_the_next_verify(house: House) -> None:
    house.run("a")
    kept = house.watch()
    kept.enter(house.store, now=NOW)
    note = house.places.left.read_bytes()  # as it stands while somebody is in
    house.write("b")
    kept.leave(house.store)
    house.places.left.write_bytes(note)
    assert [house.run("c"), house.run("d")] == [1, 0]


def test_who_comes_in_beside_others_compares_nothing_and_the_last_to_leave_writes_it_down(house: House) -> None:
    house.run("a")
    first, second = house.watch(), house.watch()
    first.enter(house.store, now=NOW)
    house.write("b")
    second.enter(house.store, now=NOW)
    first.leave(house.store)
    left = house.watch().left
    assert left is not None
    assert left.open
    house.write("c")
    second.leave(house.store)
    assert house.verified == 1
    assert house.run("d") == 0


def test_a_store_with_fewer_writes_than_were_left_is_an_older_copy(house: House) -> None:
    house.run("a")
    kept = house.database.read_bytes()
    house.run("b")
    house.store.close()
    house.database.write_bytes(kept)
    house.store = house.opened()
    with pytest.raises(IntegrityError, match="older copy"):
        house.watch().enter(house.store, now=NOW)


def test_a_changed_file_is_verified(house: House) -> None:
    house.run("a")
    house.write("past the watch")
    assert [house.run("b"), house.run("c")] == [1, 0]


def test_a_store_is_verified_as_often_as_was_asked(house: House) -> None:
    assert house.run("a", now=NOW, every=24) == 1
    assert house.run("b", now=NOW + 23, every=24) == 0
    assert house.run("c", now=NOW + 24, every=24) == 1


def test_a_note_that_is_not_ours_counts_for_nothing(house: House) -> None:
    house.run("a")
    text = house.places.left.read_text()
    house.places.left.write_text(text.replace('"writes": 1', '"writes": 0'))
    assert house.watch().left is None
    assert house.run("b") == 1


def test_what_can_not_be_written_down_is_verified_next_time(house: House) -> None:
    house.run("a")
    watch = house.watch()
    watch.enter(house.store, now=NOW)
    house.places.left.with_name("left.new").mkdir()
    watch.leave(house.store)
    house.places.left.with_name("left.new").rmdir()
    assert house.run("b") == 1


def test_a_file_in_the_place_of_the_locks_says_what_to_do(house: House) -> None:
    house.places.lock.parent.write_text("")
    with pytest.raises(DefinitionError, match="no folder"):
        house.watch().enter(house.store, now=NOW)
