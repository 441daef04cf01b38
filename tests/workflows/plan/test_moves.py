"""The arithmetic of plans against a person-by-person reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from passerelle.workflows.plan.moves import (
    LEAVING,
    NOBODY,
    THERE,
    UNCERTAIN,
    UNSENDABLE,
    Moves,
    Standing,
    Wish,
    diff,
)

# One person: stands how (None: not at all), owed, wished (revision or None), withheld.
people = st.tuples(
    st.sampled_from([None, THERE, UNCERTAIN, LEAVING, UNSENDABLE]),
    st.booleans(),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)


def moves_of(crowd: list[tuple[int | None, bool, int | None, bool]]) -> Moves:
    here = [(i, kind) for i, (kind, _, _, _) in enumerate(crowd) if kind is not None]
    allowed = [(i, revision) for i, (_, _, revision, _) in enumerate(crowd) if revision is not None]
    owed = [i for i, (kind, owed, _, _) in enumerate(crowd) if owed and kind not in {None, UNSENDABLE}]
    withheld = [i for i, (_, _, revision, withheld) in enumerate(crowd) if withheld and revision is None]
    standing = Standing(
        np.array([i for i, _ in here], np.int64),
        np.array([kind for _, kind in here], np.int8),
        np.ones(len(here), np.int32),
        np.array(owed, np.int64),
    )
    wish = Wish(
        np.array([i for i, _ in allowed], np.int64),
        np.array([revision for _, revision in allowed], np.int32),
        {"refused": np.array(withheld, np.int64)},
    )
    return diff(wish, standing)


def reference(kind: int | None, owed: bool, revision: int | None) -> tuple[bool, bool]:
    """Whether this person is added, and taken out."""
    wanted, changed = revision is not None, revision == 2
    if kind is None:
        return wanted, False
    if kind == UNSENDABLE:
        return wanted and changed, False
    if owed or not wanted:
        return False, True
    if kind == LEAVING:
        return True, True
    if changed:
        return True, True
    return kind == UNCERTAIN, False


@given(st.lists(people, max_size=12))
def test_each_person_moves_as_if_alone(crowd: list[tuple[int | None, bool, int | None, bool]]) -> None:
    moves = moves_of(crowd)
    added, left = set(moves.adds.tolist()), set(moves.leaving.tolist())
    for i, (kind, owed, revision, _) in enumerate(crowd):
        assert (i in added, i in left) == reference(kind, owed, revision), (i, crowd)


@given(st.lists(people, max_size=12))
def test_nobody_who_is_not_wished_is_added(crowd: list[tuple[int | None, bool, int | None, bool]]) -> None:
    wished = {i for i, (_, _, revision, _) in enumerate(crowd) if revision is not None}
    assert set(moves_of(crowd).adds.tolist()) <= wished


@given(st.lists(people, max_size=12))
def test_each_removal_has_one_cause(crowd: list[tuple[int | None, bool, int | None, bool]]) -> None:
    moves = moves_of(crowd)
    assert sum(len(ids) for ids in moves.removes.values()) == len(moves.leaving)


def test_nothing_changes_nothing() -> None:
    moves = moves_of([(THERE, False, 1, False)] * 3)
    assert (len(moves.adds), dict(moves.removes), moves.current) == (0, {}, 3)


def test_an_empty_wish_takes_everybody_out() -> None:
    moves = diff(
        Wish(NOBODY, np.empty(0, np.int32), {}),
        Standing(np.arange(3), np.zeros(3, np.int8), np.ones(3, np.int32)),
    )
    assert moves.removes["left_segment"].tolist() == [0, 1, 2]
