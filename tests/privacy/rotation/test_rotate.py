import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.privacy.errors import HeldBack, IntegrityError
from passerelle.privacy.keys import Keyring, KeySettings
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Field
from tests.privacy.rotation.world import GONE, NOW, PEOPLE, SHARED, World, facts


class Died(Exception):
    pass


def dying(after: int) -> Callable[[str], None]:
    steps = iter(range(10_000))

    def step(_name: str) -> None:
        if next(steps) == after:
            raise Died

    return step


def finished(world: World) -> bool:
    with world.store.read() as connection:
        at = [standing(connection, use) for use in Use]
    return all(each.current == 2 and not each.leaving for each in at)


def test_a_rotation_changes_nothing_but_keys_and_pseudonyms(world: World) -> None:
    before, refs = facts(world), world.refs()
    done = world.rotate()
    assert (done.generation, done.moved["vault"]) == (2, PEOPLE + 5)
    again = World(world.folder, world.url)
    assert facts(again) == before
    assert before["problems"] == []
    assert not set(refs[:PEOPLE]) & set(again.refs())
    assert [ref[:2] for ref in again.refs()[:PEOPLE]] == ["s2"] * PEOPLE
    again.close()


def test_an_old_pseudonym_still_finds_its_person_after_several_rotations(world: World) -> None:
    ages = [world.refs()]
    for _ in range(3):
        world.rotate()
        ages.append(world.refs())
    for refs in ages:
        assert [world.by_ref(ref) for ref in refs[:PEOPLE]] == list(range(1, PEOPLE + 1))
    assert world.by_ref("s1" + "0" * 32) is None


def test_a_pull_in_the_middle_makes_nobody_twice(world: World) -> None:
    people = len(world.refs())
    seen: list[tuple[str, list[int | None], int | None]] = []

    def pull(name: str) -> None:
        other = World(world.folder, world.url)  # another process, which reads the key file anew
        found = other.register(
            emails=[f"p{n}@example.org" for n in range(PEOPLE)] + [f"new{len(seen)}@example.org", SHARED],
            ids=[f"C{n}" for n in range(PEOPLE)] + [f"N{len(seen)}", "D1"],
        )
        seen.append((name, found[:PEOPLE], found[PEOPLE + 1]))
        other.close()

    shared_owner = world.register(emails=[SHARED], ids=["D1"])[0]
    world.rotate(rows=4, step=pull)
    assert {tuple(found) for _, found, _ in seen} == {tuple(range(1, PEOPLE + 1))}
    assert {owner for _, _, owner in seen} == {shared_owner}
    assert len(world.refs()) == people + len(seen)
    assert world.verify() == []
    assert [world.find(f"new{n}@example.org") is not None for n in range(len(seen))] == [True] * len(seen)
    with world.store.read() as connection:
        assert not any(standing(connection, use).leaving for use in Use)


def test_a_run_that_began_before_the_rotation_goes_on(world: World) -> None:
    other = World(world.folder, world.url)
    world.rotate()
    assert other.keys.generations == (1,)
    assert facts(other)["found"] == list(range(1, PEOPLE + 1))
    assert other.register(emails=["p3@example.org", "late@example.org"], ids=["C3", "L1"])[0] == 4
    with other.store.write() as connection:
        other.log.append(connection, "operator", {"what": "late"}, now=1)
        other.log.checkpoint(connection, now=1)
    assert world.verify() == []
    assert world.find("late@example.org") is not None
    other.close()


def test_a_rotation_that_dies_anywhere_is_gone_on_with(world: World) -> None:
    before = facts(world)
    deaths = 0
    while not finished(world):
        with pytest.raises(Died):
            world.rotate(rows=5, step=dying(0))
        deaths += 1
        again = World(world.folder, world.url)
        assert facts(again) == before
        again.close()
    assert deaths > 10
    with world.store.read() as connection:
        assert {standing(connection, use).path for use in Use} == {(1, 2)}


def test_a_clock_that_was_set_back_leaves_the_newest_key_in_use(world: World) -> None:
    before = facts(world)
    world.rotate(now=NOW + 2_000_000)
    world.rotate(now=NOW + 1)
    assert facts(world) == before
    assert world.verify() == []
    with world.store.read() as connection:
        assert {standing(connection, use).path for use in Use} == {(1, 2, 3)}


@pytest.mark.parametrize("only", ["vault", "pseudonyms", "signing"])
def test_each_use_rotates_alone(world: World, only: str) -> None:
    before = facts(world)
    world.rotate(only)
    assert facts(world) == before
    with world.store.read() as connection:
        moved = {use for use in Use if standing(connection, use).current == 2}
    assert (
        moved
        == {
            "vault": {Use.VAULT},
            "pseudonyms": {Use.IDENTITY, Use.REFERENCE, Use.SUPPRESSION},
            "signing": {Use.SIGNING},
        }[only]
    )
    world.rotate()
    assert facts(world) == before


def test_a_generation_is_retired_only_when_nothing_rests_on_it(world: World) -> None:
    before, master = facts(world), world.keys.text.split(":")[1].strip()
    with pytest.raises(HeldBack, match="still serves vault"):
        world.retire(1)
    world.rotate("vault")
    with pytest.raises(HeldBack, match="still serves identity"):
        world.retire(1)
    world.rotate()
    assert world.retire(1)
    assert not world.retire(1)
    assert master not in (world.folder / "keys/master.key").read_text()
    again = World(world.folder, world.url)
    assert facts(again) == before
    with pytest.raises(IntegrityError, match="Generation 1 of the master key is retired"):
        again.keys.derive("vault/key-encryption", generation=1)
    again.close()


def test_retiring_may_die_between_the_store_and_the_file(world: World) -> None:
    world.rotate()
    before = facts(world)
    with pytest.raises(Died):
        world.retire(1, step=dying(0))
    again = World(world.folder, world.url)
    assert facts(again) == before
    assert again.retire(1)
    assert facts(again) == before
    again.close()


def test_a_missing_generation_is_named_and_stops(world: World) -> None:
    first = world.keys.text
    world.rotate()
    path = world.folder / "keys/master.key"
    path.chmod(0o600)
    path.write_text(first)
    keys = Keyring.load(KeySettings(file=path))
    said = rf"Generation 2 of the master key \({world.keys.key_id}\) is missing"
    with pytest.raises(IntegrityError, match=said), world.store.read() as connection:
        keys.bind(connection)


def test_an_old_generation_that_went_too_early_is_named(world: World) -> None:
    world.rotate()
    path = world.folder / "keys/master.key"
    newest = path.read_text().splitlines()[0]
    path.chmod(0o600)
    path.write_text(f"{newest}\n")
    with pytest.raises(IntegrityError, match="Generation 1 of the master key"), world.store.read() as connection:
        Keyring.load(KeySettings(file=path)).bind(connection)


def test_an_opt_out_survives_every_rotation(world: World) -> None:
    for _ in range(3):
        world.rotate()
        assert world.erased(GONE)
    world.retire(1)
    world.retire(2)
    again = World(world.folder, world.url)
    assert again.erased(GONE)
    (back,) = again.register(emails=[GONE], ids=["other"])
    assert back is not None
    again.close()


def test_old_wrapped_keys_cannot_be_opened_with_the_new_master_alone(world: World) -> None:
    old = bytes.fromhex(world.keys.text.strip().split(":")[1])
    world.rotate()
    with world.store.read() as connection, pytest.raises(IntegrityError):
        Subjects(world.store, Keyring(os.urandom(32), old)).identifiers(connection, pa.array([1]))
    with world.store.read() as connection:
        assert (
            Subjects(world.store, Keyring(os.urandom(32), old)).find(connection, Field.EMAIL, "p1@example.org", None)
            is None
        )


def test_the_key_file_stays_private_through_all_of_it(world: World) -> None:
    def mode(_step: str) -> None:
        assert (world.folder / "keys/master.key").stat().st_mode & 0o777 == 0o400
        assert [path.name for path in Path(world.folder / "keys").iterdir()] == ["master.key"]

    world.rotate(step=mode)
    world.retire(1, step=mode)
