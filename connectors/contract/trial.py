"""What promises are tried with: a world, pulls of it, fakes to put into it, and what must be the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import pyarrow as pa

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fakes import START, fakes
from passerelle.connectors.contract.records import FieldShape
from passerelle.connectors.contract.roles import Identifier, Key, Tombstone
from passerelle.connectors.contract.source import Context, Page, Resource, Source, State

NOW_DAY = 400
"""Of fakes, whose first one is of day 0: the day of a pull."""
NOW = int((START + timedelta(days=NOW_DAY)).timestamp() * 1e6)
PAGE = 3


class World(Protocol):
    """A source with one key field, one cursor of time and a tombstone, and the system behind it.

    It may name its `resource`, where that is not the source's first, and be closed by `close()`.
    """

    @property
    def lacks(self) -> Mapping[str, str]:
        """Promises that do not apply, by name, each with the reason."""
        ...

    @property
    def source(self) -> Source:
        """The source."""
        ...

    def put(self, rows: pa.Table) -> None:
        """Have the system hold these records (text, by field name), in place of others with their key."""
        ...

    def spoil(self, canary: str) -> None:
        """Have the system hold one record that cannot be read, with `canary` in it."""
        ...

    def lose(self, column: str) -> None:
        """Take a column away from the system."""
        ...


class NotKept(AssertionError):
    """A promise of the contract is not kept."""


def bad_of(world: World, page: Page) -> list[Any]:
    """What casting says against a page's records."""
    bad: list[Any] = typed(resource_of(world).shape, page.rows, timezone="UTC").bad.to_pylist()
    return bad


def pull(world: World, state: State | None = None, *, now: int = NOW) -> Iterator[Page]:
    """Pull, from a state that was written down and read again."""
    again = None if state is None else json.loads(json.dumps(state))
    return world.source.pull(resource_of(world), again, Context(now=now, page_rows=PAGE))


def last(pages: Iterator[Page]) -> Page:
    """The last page of a pull, read to its end."""
    return list(pages)[-1]


def resource_of(world: World) -> Resource:
    """What is pulled."""
    found: Resource = getattr(world, "resource", None) or world.source.resources[0]
    return found


def fakes_of(
    world: World,
    numbers: Sequence[int],
    *,
    key: int | None = None,
    cursor: int | None = None,
    earlier: timedelta = timedelta(),
    deleted: bool = False,
) -> pa.Table:
    """Fakes with another's key, another's cursor, a cursor moved back, or a tombstone."""
    shape = resource_of(world).shape
    rows = fakes(shape, numbers)
    if key is not None:
        for name in {shape.keys[0], *(one.name for one in shape.fields if one.role(Identifier) is not None)}:
            rows = having(rows, name, fakes(shape, [key])[name][0].as_py())
    if cursor is not None and shape.cursor is not None:
        moment = START + timedelta(days=cursor) - earlier
        rows = having(rows, shape.cursor.name, f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    if deleted:
        field = the_one(world, Tombstone)
        rows = having(rows, field.name, deleted_word(field, cast=False))
    return rows


def having(rows: pa.Table, name: str, value: str) -> pa.Table:
    """The same rows, all with this value in one field."""
    place = rows.column_names.index(name)
    return rows.set_column(place, name, pa.array([value] * rows.num_rows, pa.string()))


def tells_who(field: FieldShape) -> bool:
    """Whether it identifies a person; a number of the vendor's own may be what its pages go on from."""
    role = field.role(Identifier)
    return role is not None and not (role.own and field.role(Key) is not None)


def deleted_word(field: FieldShape, *, cast: bool) -> str:
    """What stands in a tombstone of a deleted record: at the system, or once it is `cast`."""
    role = field.role(Tombstone)
    if role is not None and role.values:
        return role.values[0]
    return "True" if cast else "oui"


def the_one(world: World, role: type[Any]) -> FieldShape:
    """The field with a role. Raises `NotKept` where the world's shape has none."""
    found = resource_of(world).shape.one(role)
    if found is None:
        raise NotKept(f"the world's shape needs a field that is a {role.__name__}")
    return found


def table_of(world: World, pages: Sequence[Page]) -> pa.Table:
    """Pages as one table, in the shape's types."""
    shape = resource_of(world).shape
    empty = shape.schema.empty_table()
    return pa.concat_tables([empty, *(typed(shape, page.rows, timezone="UTC").table for page in pages)])


def keys_of(world: World, pages: Sequence[Page]) -> list[str]:
    """Keys of the records of some pages, in their order."""
    keys: list[str] = table_of(world, pages)[resource_of(world).shape.keys[0]].to_pylist()
    return keys


def key_of(world: World, number: int) -> str:
    """The key of a fake."""
    shape = resource_of(world).shape
    return str(fakes(shape, [number])[shape.keys[0]][0].as_py())


def wanted_keys(world: World, numbers: Sequence[int]) -> list[str]:
    """The keys of fakes, sorted."""
    return sorted(key_of(world, number) for number in numbers)


def same(found: object, wanted: object, what: str) -> None:
    """Raise `NotKept` where they differ; `what` was promised."""
    if found != wanted:
        raise NotKept(f"{what}: found {found!r}, wanted {wanted!r}")


def holds(kept: bool, what: str) -> None:
    """Raise `NotKept` where it does not hold; `what` was promised."""
    if not kept:
        raise NotKept(what)
