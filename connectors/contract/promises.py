"""What every source must do. What a source behind HTTP must do besides stands in `promises_http.py`."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta

from passerelle.connectors.contract.roles import Kind, MergedInto, Tombstone
from passerelle.connectors.contract.trial import (
    NOW,
    NOW_DAY,
    PAGE,
    NotKept,
    World,
    bad_of,
    deleted_word,
    fakes_of,
    having,
    holds,
    key_of,
    keys_of,
    last,
    pull,
    resource_of,
    same,
    table_of,
    tells_who,
    the_one,
    wanted_keys,
)
from passerelle.privacy.errors import DefinitionError


def everything_is_read_once(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    seen = keys_of(world, list(pull(world)))
    same(sorted(seen), wanted_keys(world, range(10)), "every record, once")


def pages_have_the_columns_of_the_shape(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    for page in pull(world):
        same(page.rows.column_names, list(resource_of(world).shape.schema.names), "the shape's fields")
        holds(page.rows.num_rows <= PAGE, "no page is longer than asked")


def only_what_changed_is_read_again(world: World) -> None:
    world.put(fakes_of(world, range(50)))
    state = last(pull(world)).state
    holds(len(keys_of(world, list(pull(world, state)))) <= 2, "almost nothing comes twice")  # noqa: PLR2004
    world.put(fakes_of(world, [50], key=7, cursor=NOW_DAY))
    changed = keys_of(world, list(pull(world, state)))
    holds(key_of(world, 7) in changed, "the changed record comes")
    holds(len(changed) <= 3, "and hardly any other")  # noqa: PLR2004 - overlap and the last one


def a_pull_that_is_cut_goes_on(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    pages = list(pull(world))
    for cut in range(1, len(pages)):
        rest = list(pull(world, pages[cut - 1].state))
        seen = set(keys_of(world, pages[:cut])) | set(keys_of(world, rest))
        same(sorted(seen), wanted_keys(world, range(10)), f"cut after page {cut}, nothing is missing")


def equal_cursors_at_a_pages_edge_lose_nothing(world: World) -> None:
    world.put(fakes_of(world, range(10), cursor=5))
    pages = list(pull(world))
    same(sorted(set(keys_of(world, pages))), wanted_keys(world, range(10)), "all of them in one go")
    for cut in range(1, len(pages)):
        seen = set(keys_of(world, pages[:cut])) | set(keys_of(world, list(pull(world, pages[cut - 1].state))))
        same(sorted(seen), wanted_keys(world, range(10)), "all of them when cut")


def the_same_pull_twice_gives_the_same(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    first, second = list(pull(world)), list(pull(world))
    holds(table_of(world, first).equals(table_of(world, second)), "the same records")
    same(first[-1].state, second[-1].state, "the same state")


def a_late_commit_is_found(world: World) -> None:
    world.put(fakes_of(world, [10], cursor=NOW_DAY, earlier=timedelta(minutes=1)))
    state = last(pull(world)).state
    world.put(fakes_of(world, [11], cursor=NOW_DAY, earlier=timedelta(minutes=21)))
    holds(key_of(world, 11) in keys_of(world, list(pull(world, state))), "what came late is found")


def a_cursor_in_the_future_hides_nothing(world: World) -> None:
    world.put(fakes_of(world, [1, 2]))
    world.put(fakes_of(world, [3], cursor=9_000))
    state = last(pull(world)).state
    world.put(fakes_of(world, [4], cursor=401))
    later = NOW + 2 * 86_400_000_000
    holds(key_of(world, 4) in keys_of(world, list(pull(world, state, now=later))), "what is new after that is found")


def tombstones_come_through(world: World) -> None:
    world.put(fakes_of(world, range(3)))
    state = last(pull(world)).state
    world.put(fakes_of(world, [5], key=1, cursor=NOW_DAY, deleted=True))
    rows = table_of(world, list(pull(world, state)))
    field = the_one(world, Tombstone)
    gone = dict(zip(rows[resource_of(world).shape.keys[0]].to_pylist(), rows[field.name].to_pylist(), strict=True))
    same(str(gone[key_of(world, 1)]), deleted_word(field, cast=True), "the deleted record says so")


def a_merged_record_names_the_one_it_became(world: World) -> None:
    world.put(fakes_of(world, range(3)))
    state = last(pull(world)).state
    field, shape = the_one(world, MergedInto), resource_of(world).shape
    loser = fakes_of(world, [1], cursor=NOW_DAY)
    world.put(having(loser, field.name, key_of(world, 2)))
    rows = table_of(world, list(pull(world, state)))
    into = dict(zip(rows[shape.keys[0]].to_pylist(), rows[field.name].to_pylist(), strict=True))
    same(str(into.get(key_of(world, 1))), key_of(world, 2), "the record that was merged says into which")


def a_row_that_moves_during_a_pull_is_not_missed(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    pages = pull(world)
    seen = [next(pages)]
    world.put(fakes_of(world, [50], key=8, cursor=NOW_DAY))
    seen += pages
    seen += pull(world, seen[-1].state)
    found = sorted(set(keys_of(world, seen)))
    same(found, wanted_keys(world, range(10)), "by the next pull at the latest, all are there")


def a_bad_record_stops_nothing_and_shows_nothing(world: World) -> None:
    canary = "canary.8c1f@example.net"
    world.put(fakes_of(world, range(4)))
    world.spoil(canary)
    pages = list(pull(world))
    holds(set(wanted_keys(world, range(4))) <= set(keys_of(world, pages)), "the others come")
    told = [page.quarantined.to_pylist() for page in pages] + [bad_of(world, page) for page in pages]
    holds(any(told), "the bad one is told of")
    said = repr((told, [page.state for page in pages], [page.warnings for page in pages]))
    holds(canary not in said and "8c1f" not in said, "without its value")


def state_is_json_without_identifiers(world: World) -> None:
    rows = fakes_of(world, range(10))
    world.put(rows)
    shape = resource_of(world).shape
    names = [one.name for one in shape.fields if one.native is Kind.STRING and tells_who(one)]
    for page in pull(world):
        text = json.dumps(page.state)
        same(json.loads(text), dict(page.state), "state survives JSON")
        for name in names:
            holds(not any(value in text for value in rows[name].to_pylist()), f"no {name} in the state")


def the_last_page_says_up_to_when_all_is_known(world: World) -> None:
    world.put(fakes_of(world, range(10)))
    *before, last = list(pull(world))
    holds(last.watermark is not None and last.watermark <= NOW, "the last page has a watermark")
    holds(all(page.watermark is None for page in before), "and no other")


def a_lost_column_is_an_error_that_names_it(world: World) -> None:
    world.put(fakes_of(world, range(3)))
    state = last(pull(world)).state
    column = next(one.asked for one, _ in resource_of(world).shape.having(Tombstone))
    world.put(fakes_of(world, range(3), cursor=NOW_DAY))
    world.lose(column)
    try:
        list(pull(world, state))
    except DefinitionError as problem:
        holds(column in problem.message, "it names the column")
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


__all__ = ["PROMISES"]
