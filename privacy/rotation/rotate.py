"""Rotation: a new generation of the master key, and every row brought to it, batch by batch.

Each batch is a transaction of its own, which also says how far it came: whatever dies, the next call goes on. Other
runs work meanwhile, since what they write is under the new generation, and what they look up they find under both.

| moment | what is durable | if the process dies here |
| --- | --- | --- |
| the key file is replaced | a generation that the store does not know | the next call takes it up |
| the rotation begins | the store knows it; a log entry; the log is signed with it | the next call goes on |
| after each batch | its rows, and its place | the same |
| nothing rests on the old one | a log entry | nothing to do |
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from passerelle.privacy.errors import DefinitionError, HeldBack
from passerelle.privacy.keys import Keyring, Random
from passerelle.privacy.log import Log
from passerelle.privacy.rotation.moves import Move, moves
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import key_generation, key_use

ROWS = 5_000
"""Rows in one batch: so long does nobody else write."""

WORDS: dict[str, tuple[Use, ...]] = {
    "vault": (Use.VAULT,),
    "pseudonyms": (Use.IDENTITY, Use.REFERENCE, Use.SUPPRESSION),
    "signing": (Use.SIGNING,),
}
"""What can be rotated alone."""


@dataclass(slots=True)
class Rotated:
    """What a rotation did: the generation it went to, and rows by use."""

    generation: int
    key_id: str
    moved: dict[str, int] = field(default_factory=dict)


class Rotation:
    """Rotates the keys of one store. `step` is told after each thing that became durable."""

    def __init__(
        self,
        store: Store,
        log: Log,
        keys: Keyring,
        *,
        rows: int = ROWS,
        random: Random = os.urandom,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._store = store
        self._log = log
        self._keys = keys
        self._rows = rows
        self._random = random
        self._step = step

    def rotate(self, only: Sequence[str] = (), *, now: int) -> Rotated:
        """Make a new generation and bring everything to it, or the uses that `only` names; or go on where one died.

        Raises `TryLater` where another rotation is at work.
        """
        with self._store.exclusive("keys"):
            if not self._unfinished():
                self.prepare()
                self._begin([use for word in only or WORDS for use in WORDS[word]], now)
            with self._store.read() as connection:
                generation = newest(connection)
            done = Rotated(generation, self._keys.id_of(generation))
            for move in moves(self._store, self._keys):
                done.moved[move.use.value] = self._carry_out(move, now)
            return done

    def prepare(self) -> int:
        """Have a generation in the key file that the store does not know yet; its number."""
        with self._store.read() as connection:
            known = newest(connection)
        if self._keys.current == known:
            self._keys.adopt(self._keys.extended(random=self._random))
            self._step("key file")
        return self._keys.current

    def retire(self, generation: int, *, now: int) -> bool:
        """Destroy the master of a generation on which nothing rests; False where it was destroyed before.

        Raises `HeldBack` where something rests on it.
        """
        with self._store.exclusive("keys"):
            self.mark_retired(generation, now=now)
            if not self._keys.has_master(generation):
                return False
            self._keys.adopt(self._keys.reduced(generation))
            self._step("key file")
            return True

    def mark_retired(self, generation: int, *, now: int) -> None:
        """Have the store rest on a generation no more. Raises `HeldBack` where something does."""
        with self._store.write() as connection:
            self._mark_retired(connection, generation, now)
        self._step("retired")

    # --- inside

    def _unfinished(self) -> bool:
        with self._store.read() as connection:
            return any(standing(connection, use).leaving for use in Use)

    def _begin(self, uses: list[Use], now: int) -> None:
        generation = self._keys.current
        with self._store.write() as connection:
            self._keys.register(connection, generation, now=now)
            body = {
                "action": "rotate",
                "generation": generation,
                "key": self._keys.id_of(generation),
                "uses": sorted(use.value for use in uses),
            }
            if Use.SIGNING in uses:
                self._log.hand_over(connection, generation, body, now=now)
            else:
                self._log.append(connection, "key", body, now=now)
            others: list[object] = [use.value for use in uses if use is not Use.SIGNING]
            rows = {"use": others, "generation": [generation] * len(others), "began_at": [now] * len(others)}
            self._store.insert(connection, key_use, rows)
        self._step("begun")

    def _carry_out(self, move: Move, now: int) -> int:
        moved = 0
        while True:
            with self._store.write() as connection:
                at = standing(connection, move.use)
                if not at.leaving:
                    return moved
                batch = move.batch(connection, _position(connection, move.use, at.current), self._rows)
                moved += batch.moved
                if batch.position is not None:
                    self._set(connection, move.use, at.current, {"position": batch.position})
                elif move.left(connection):
                    self._set(connection, move.use, at.current, {"position": None})  # once more, from the start
                else:
                    self._end(connection, move.use, at.leaving, at.current, now)
            self._step(f"{move.use} batch")

    def _end(self, connection: Connection, use: Use, leaving: tuple[int, ...], current: int, now: int) -> None:
        for generation in leaving:
            self._set(connection, use, generation, {"ended_at": now})
        body = {"action": "moved", "generation": current, "use": use.value}
        self._log.append(connection, "key", body, now=now)

    def _set(self, connection: Connection, use: Use, generation: int, values: dict[str, object]) -> None:
        where = (key_use.c.use == use.value, key_use.c.generation == generation)
        self._store.update_where(connection, key_use, values, *where)

    def _mark_retired(self, connection: Connection, generation: int, now: int) -> None:
        c = key_generation.c
        row = connection.execute(select(c.retired_at).where(c.generation == generation)).first()
        if row is None:
            raise DefinitionError(f"The store knows no generation {generation}.", advice="`passerelle keys list`.")
        if row.retired_at is not None:
            return
        resting = [use.value for use in Use if generation in _still(connection, use)]
        if resting:
            raise HeldBack(
                f"Generation {generation} still serves {', '.join(resting)}.",
                advice="`passerelle keys rotate` brings everything to a newer one first.",
            )
        self._store.update_where(connection, key_generation, {"retired_at": now}, c.generation == generation)
        body = {"action": "retire", "generation": generation, "key": self._keys.id_of(generation)}
        self._log.append(connection, "key", body, now=now)


def newest(connection: Connection) -> int:
    """The newest generation that the store knows."""
    return int(connection.scalar(select(func.max(key_generation.c.generation))) or 0)


def _still(connection: Connection, use: Use) -> tuple[int, ...]:
    at = standing(connection, use)
    return (at.current, *at.leaving)


def _position(connection: Connection, use: Use, generation: int) -> str | None:
    c = key_use.c
    found: str | None = connection.scalar(select(c.position).where(c.use == use.value, c.generation == generation))
    return found
