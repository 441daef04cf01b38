"""What generations there are, what each is for, and how much still rests on it."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, Select, func, select

from passerelle.privacy.keys import Keyring
from passerelle.privacy.log.entries import parse
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of the master key. Times in microseconds UTC; None where it has not come to that."""

    generation: int
    key_id: str
    state: str
    """prepared: in the key file, and nothing rests on it yet; current; leaving: rows still rest on it while a
    rotation is under way; lasting: nothing but digests' inner keys; retired: its master may be, or is, destroyed."""
    master: bool
    """Whether its master is in the key file here."""
    added_at: int | None
    superseded_at: int | None
    retired_at: int | None
    uses: tuple[str, ...]
    """What it is current for."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows that rest on it, by use; of signing: checkpoints that it signed."""


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One entry of kind `key`, or the genesis."""

    log_index: int
    at: int
    action: str
    generation: int
    key_id: str
    detail: str


def generations(connection: Connection, keys: Keyring) -> list[Generation]:
    """Newest first."""
    known = {row.generation: row for row in connection.execute(select(t.key_generation))}
    at = {use: standing(connection, use) for use in Use}
    rows = {use: _rows(connection, use) for use in Use}
    began = connection.execute(
        select(t.key_use.c.generation, func.min(t.key_use.c.began_at)).group_by(t.key_use.c.generation)
    ).all()
    starts = {int(row[0]): int(row[1]) for row in began}
    born = genesis_at(connection)
    found = []
    for number in sorted({*keys.generations, *known}, reverse=True):
        row = known.get(number)
        uses = tuple(use.value for use in Use if row is not None and at[use].current == number)
        later = [moment for other, moment in starts.items() if other > number]
        found.append(
            Generation(
                number,
                keys.id_of(number) if row is None else row.key_id,
                _state(row, uses, any(number in each.leaving for each in at.values())),
                keys.has_master(number),
                None if row is None else row.added_at or born,
                min(later) if later and row is not None and not uses else None,
                None if row is None else row.retired_at,
                uses,
                {use.value: counted[number] for use, counted in rows.items() if counted.get(number)},
            )
        )
    return found


def genesis_at(connection: Connection) -> int | None:
    """When the log began: the first key was made no later."""
    body = connection.scalar(select(t.log_entry.c.body).where(t.log_entry.c.log_index == 0))
    return None if body is None else parse(bytes(body))[1]


def history(connection: Connection, until: int) -> list[KeyEvent]:
    """Every action on keys among the first `until` entries of the log; its genesis is the first."""
    c = t.log_entry.c
    statement = select(c.log_index, c.body).where(c.kind.in_(("genesis", "key")), c.log_index < until)
    found = []
    for row in connection.execute(statement.order_by(c.log_index)):
        kind, at, body = parse(bytes(row.body))
        uses = body.get("uses")
        detail = ", ".join(map(str, uses)) if isinstance(uses, list) else str(body.get("use") or body.get("to") or "")
        action = "created" if kind == "genesis" else str(body.get("action", ""))
        generation = body.get("generation")
        number = generation if isinstance(generation, int) else 1
        found.append(KeyEvent(row.log_index, at, action, number, str(body.get("key", "")), detail))
    return found


def _state(row: object, uses: tuple[str, ...], leaving: bool) -> str:
    if row is None:
        return "prepared"
    if getattr(row, "retired_at", None) is not None:
        return "retired"
    if leaving:
        return "leaving"
    return "current" if uses else "lasting"


def _rows(connection: Connection, use: Use) -> dict[int, int]:
    path = standing(connection, use).path
    if use is Use.REFERENCE:
        ref = t.subject.c.subject_ref
        return {
            number: _count(connection, select(func.count()).where(ref.like(f"s{version}{'_' * 32}")))
            for version, number in enumerate(path, start=1)
        }
    if use is Use.SIGNING:
        return _signed(connection, path)
    table = {Use.VAULT: t.vault, Use.IDENTITY: t.identity, Use.SUPPRESSION: t.suppression}[use]
    grouped = select(table.c.generation, func.count()).group_by(table.c.generation)
    return {int(row[0]): int(row[1]) for row in connection.execute(grouped)}


def _signed(connection: Connection, path: tuple[int, ...]) -> dict[int, int]:
    c = t.key_use.c
    rows = connection.execute(select(c.generation, c.position).where(c.use == Use.SIGNING.value))
    sizes = {row.generation: int(row.position or 0) for row in rows}
    starts = [sizes.get(number, 0) for number in path]
    size = t.log_checkpoint.c.size
    found = {}
    for number, first, after in zip(path, starts, [*starts[1:], None], strict=True):
        statement = select(func.count()).where(size >= first)
        found[number] = _count(connection, statement if after is None else statement.where(size < after))
    return found


def _count(connection: Connection, statement: Select[int]) -> int:
    return connection.scalar(statement) or 0
