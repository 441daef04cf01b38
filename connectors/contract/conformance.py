"""What every source must do, as tests. One statement gives a source all of them.

    test_pipedrive = conformance(PipedriveWorld)

A `World` is a source and the system behind it, in the test's hands. What a system cannot do (a vendor without merges,
a file that nobody throttles) stands in its `lacks` with the reason, and shows as a skipped test; a promise that is
neither kept nor named there fails. Promises of sources behind HTTP stand in `promises.py`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fakes import START, fakes
from passerelle.connectors.contract.records import FieldShape
from passerelle.connectors.contract.roles import Identifier, Key, Kind, MergedInto, Tombstone
from passerelle.connectors.contract.source import Context, Page, Resource, Source, State

NOW_DAY = 400
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


Make = Callable[[Path], World]


def conformance(make: Make) -> Callable[..., None]:
    """A pytest test, parametrised with every promise a source makes."""
    from passerelle.connectors.contract.promises import HTTP_PROMISES

    promises = (*PROMISES, *HTTP_PROMISES)
    pytest = import_module("pytest")  # whoever calls this has it; the package does not need it

    def test(promise: Callable[[Any], None], tmp_path: Path) -> None:
        world = make(tmp_path)
        try:
            unknown = set(world.lacks) - {one.__name__ for one in promises}
            _true(not unknown, f"only promises can be lacking, and these are none: {sorted(unknown)}")
            if promise.__name__ in world.lacks:
                pytest.skip(world.lacks[promise.__name__])
            promise(world)
        finally:
            getattr(world, "close", lambda: None)()

    found: Callable[..., None] = pytest.mark.parametrize("promise", promises, ids=lambda one: one.__name__)(test)
    return found


def everything_is_read_once(world: World) -> None:
    world.put(_fakes(world, range(10)))
    seen = _keys(world, list(_pull(world)))
    _same(sorted(seen), _wanted(world, range(10)), "every record, once")


def pages_have_the_columns_of_the_shape(world: World) -> None:
    world.put(_fakes(world, range(10)))
    for page in _pull(world):
        _same(page.rows.column_names, list(_resource(world).shape.schema.names), "the shape's fields")
        _true(page.rows.num_rows <= PAGE, "no page is longer than asked")


def only_what_changed_is_read_again(world: World) -> None:
    world.put(_fakes(world, range(50)))
    state = _last(_pull(world)).state
    _true(len(_keys(world, list(_pull(world, state)))) <= 2, "almost nothing comes twice")  # noqa: PLR2004
    world.put(_fakes(world, [50], key=7, cursor=NOW_DAY))
    changed = _keys(world, list(_pull(world, state)))
    _true(_key(world, 7) in changed, "the changed record comes")
    _true(len(changed) <= 3, "and hardly any other")  # noqa: PLR2004 - overlap and the last one


def a_pull_that_is_cut_goes_on(world: World) -> None:
    world.put(_fakes(world, range(10)))
    pages = list(_pull(world))
    for cut in range(1, len(pages)):
        rest = list(_pull(world, pages[cut - 1].state))
        seen = set(_keys(world, pages[:cut])) | set(_keys(world, rest))
        _same(sorted(seen), _wanted(world, range(10)), f"cut after page {cut}, nothing is missing")


def equal_cursors_at_a_pages_edge_lose_nothing(world: World) -> None:
    world.put(_fakes(world, range(10), cursor=5))
    pages = list(_pull(world))
    _same(sorted(set(_keys(world, pages))), _wanted(world, range(10)), "all of them in one go")
    for cut in range(1, len(pages)):
        seen = set(_keys(world, pages[:cut])) | set(_keys(world, list(_pull(world, pages[cut - 1].state))))
        _same(sorted(seen), _wanted(world, range(10)), "all of them when cut")


def the_same_pull_twice_gives_the_same(world: World) -> None:
    world.put(_fakes(world, range(10)))
    first, second = list(_pull(world)), list(_pull(world))
    _true(_table(world, first).equals(_table(world, second)), "the same records")
    _same(first[-1].state, second[-1].state, "the same state")


def a_late_commit_is_found(world: World) -> None:
    world.put(_fakes(world, [10], cursor=NOW_DAY, earlier=timedelta(minutes=1)))
    state = _last(_pull(world)).state
    world.put(_fakes(world, [11], cursor=NOW_DAY, earlier=timedelta(minutes=21)))
    _true(_key(world, 11) in _keys(world, list(_pull(world, state))), "what came late is found")


def a_cursor_in_the_future_hides_nothing(world: World) -> None:
    world.put(_fakes(world, [1, 2]))
    world.put(_fakes(world, [3], cursor=9_000))
    state = _last(_pull(world)).state
    world.put(_fakes(world, [4], cursor=401))
    later = NOW + 2 * 86_400_000_000
    _true(_key(world, 4) in _keys(world, list(_pull(world, state, now=later))), "what is new after that is found")


def tombstones_come_through(world: World) -> None:
    world.put(_fakes(world, range(3)))
    state = _last(_pull(world)).state
    world.put(_fakes(world, [5], key=1, cursor=NOW_DAY, deleted=True))
    rows = _table(world, list(_pull(world, state)))
    field = _one(world, Tombstone)
    gone = dict(zip(rows[_resource(world).shape.keys[0]].to_pylist(), rows[field.name].to_pylist(), strict=True))
    _same(str(gone[_key(world, 1)]), _deleted(field, cast=True), "the deleted record says so")


def a_merged_record_names_the_one_it_became(world: World) -> None:
    world.put(_fakes(world, range(3)))
    state = _last(_pull(world)).state
    field, shape = _one(world, MergedInto), _resource(world).shape
    loser = _fakes(world, [1], cursor=NOW_DAY)
    world.put(_with(loser, field.name, _key(world, 2)))
    rows = _table(world, list(_pull(world, state)))
    into = dict(zip(rows[shape.keys[0]].to_pylist(), rows[field.name].to_pylist(), strict=True))
    _same(str(into.get(_key(world, 1))), _key(world, 2), "the record that was merged says into which")


def a_row_that_moves_during_a_pull_is_not_missed(world: World) -> None:
    world.put(_fakes(world, range(10)))
    pages = _pull(world)
    seen = [next(pages)]
    world.put(_fakes(world, [50], key=8, cursor=NOW_DAY))
    seen += pages
    seen += _pull(world, seen[-1].state)
    _same(sorted(set(_keys(world, seen))), _wanted(world, range(10)), "by the next pull at the latest, all are there")


def a_bad_record_stops_nothing_and_shows_nothing(world: World) -> None:
    canary = "canary.8c1f@example.net"
    world.put(_fakes(world, range(4)))
    world.spoil(canary)
    pages = list(_pull(world))
    _true(set(_wanted(world, range(4))) <= set(_keys(world, pages)), "the others come")
    told = [page.quarantined.to_pylist() for page in pages] + [typed_bad(world, page) for page in pages]
    _true(any(told), "the bad one is told of")
    said = repr((told, [page.state for page in pages], [page.warnings for page in pages]))
    _true(canary not in said and "8c1f" not in said, "without its value")


def state_is_json_without_identifiers(world: World) -> None:
    rows = _fakes(world, range(10))
    world.put(rows)
    shape = _resource(world).shape
    names = [one.name for one in shape.fields if one.native is Kind.STRING and _tells_who(one)]
    for page in _pull(world):
        text = json.dumps(page.state)
        _same(json.loads(text), dict(page.state), "state survives JSON")
        for name in names:
            _true(not any(value in text for value in rows[name].to_pylist()), f"no {name} in the state")


def the_last_page_says_up_to_when_all_is_known(world: World) -> None:
    world.put(_fakes(world, range(10)))
    *before, last = list(_pull(world))
    _true(last.watermark is not None and last.watermark <= NOW, "the last page has a watermark")
    _true(all(page.watermark is None for page in before), "and no other")


def a_lost_column_is_an_error_that_names_it(world: World) -> None:
    from passerelle.privacy.errors import DefinitionError

    world.put(_fakes(world, range(3)))
    state = _last(_pull(world)).state
    column = next(one.asked for one, _ in _resource(world).shape.having(Tombstone))
    world.put(_fakes(world, range(3), cursor=NOW_DAY))
    world.lose(column)
    try:
        list(_pull(world, state))
    except DefinitionError as problem:
        _true(column in problem.message, "it names the column")
    else:
        raise NotKept("a named column that is not there must be an error")


PROMISES: Sequence[Callable[[World], None]] = (
    everything_is_read_once,
    pages_have_the_columns_of_the_shape,
    only_what_changed_is_read_again,
    a_pull_that_is_cut_goes_on,
    equal_cursors_at_a_pages_edge_lose_nothing,
    the_same_pull_twice_gives_the_same,
    a_late_commit_is_found,
    a_cursor_in_the_future_hides_nothing,
    tombstones_come_through,
    a_merged_record_names_the_one_it_became,
    a_row_that_moves_during_a_pull_is_not_missed,
    a_bad_record_stops_nothing_and_shows_nothing,
    state_is_json_without_identifiers,
    the_last_page_says_up_to_when_all_is_known,
    a_lost_column_is_an_error_that_names_it,
)


class NotKept(AssertionError):
    """A promise of the contract is not kept."""


def typed_bad(world: World, page: Page) -> list[Any]:
    """What casting says against a page's records."""
    bad: list[Any] = typed(_resource(world).shape, page.rows, timezone="UTC").bad.to_pylist()
    return bad


def _pull(world: World, state: State | None = None, *, now: int = NOW) -> Iterator[Page]:
    again = None if state is None else json.loads(json.dumps(state))
    return world.source.pull(_resource(world), again, Context(now=now, page_rows=PAGE))


def _last(pages: Iterator[Page]) -> Page:
    return list(pages)[-1]


def _resource(world: World) -> Resource:
    found: Resource = getattr(world, "resource", None) or world.source.resources[0]
    return found


def _fakes(
    world: World,
    numbers: Sequence[int],
    *,
    key: int | None = None,
    cursor: int | None = None,
    earlier: timedelta = timedelta(),
    deleted: bool = False,
) -> pa.Table:
    """Fakes with another's key, another's cursor, a cursor moved back, or a tombstone."""
    shape = _resource(world).shape
    rows = fakes(shape, numbers)
    if key is not None:
        for name in {shape.keys[0], *(one.name for one in shape.fields if one.role(Identifier) is not None)}:
            rows = _with(rows, name, fakes(shape, [key])[name][0].as_py())
    if cursor is not None and shape.cursor is not None:
        moment = START + timedelta(days=cursor) - earlier
        rows = _with(rows, shape.cursor.name, f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    if deleted:
        field = _one(world, Tombstone)
        rows = _with(rows, field.name, _deleted(field, cast=False))
    return rows


def _with(rows: pa.Table, name: str, value: str) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, name, pa.array([value] * rows.num_rows, pa.string()))


def _tells_who(field: FieldShape) -> bool:
    """Whether it identifies a person; a number of the vendor's own may be what its pages go on from."""
    role = field.role(Identifier)
    return role is not None and not (role.own and field.role(Key) is not None)


def _deleted(field: FieldShape, *, cast: bool) -> str:
    role = field.role(Tombstone)
    if role is not None and role.values:
        return role.values[0]
    return "True" if cast else "oui"


def _one(world: World, role: type[Any]) -> FieldShape:
    found = _resource(world).shape.one(role)
    if found is None:
        raise NotKept(f"the world's shape needs a field that is a {role.__name__}")
    return found


def _table(world: World, pages: Sequence[Page]) -> pa.Table:
    shape = _resource(world).shape
    empty = shape.schema.empty_table()
    return pa.concat_tables([empty, *(typed(shape, page.rows, timezone="UTC").table for page in pages)])


def _keys(world: World, pages: Sequence[Page]) -> list[str]:
    keys: list[str] = _table(world, pages)[_resource(world).shape.keys[0]].to_pylist()
    return keys


def _key(world: World, number: int) -> str:
    shape = _resource(world).shape
    return str(fakes(shape, [number])[shape.keys[0]][0].as_py())


def _wanted(world: World, numbers: Sequence[int]) -> list[str]:
    return sorted(_key(world, number) for number in numbers)


def _same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise NotKept(f"{what}: found {found!r}, wanted {wanted!r}")


def _true(kept: bool, what: str) -> None:
    if not kept:
        raise NotKept(what)


__all__ = ["PROMISES", "NotKept", "World", "conformance"]
