import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.consent.groups import NEVER, first, latest, numbered, paired, places

KEYS = st.lists(st.one_of(st.integers(0, 9), st.integers(2**61, 2**62)), max_size=30)


@given(KEYS)
def test_equal_keys_and_no_others_have_the_same_number_however_wide_they_are(keys: list[int]) -> None:
    found, count = numbered(np.array(keys, np.int64))
    distinct = sorted(set(keys))
    assert [distinct[number] for number in found.tolist()] == keys
    assert count == len(distinct)


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 6)), max_size=30))
def test_pairs_are_numbered_below_their_bound(pairs: list[tuple[int, int]]) -> None:
    outer, inner = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found, bound = paired(outer, inner, 7)
    assert len(set(found.tolist())) == len(set(pairs))
    assert all(number < bound for number in found.tolist())


@given(st.sets(st.integers(-5, 40)), st.lists(st.integers(-9, 50)), st.sampled_from([1, 10**9]))
def test_places_of_known_ids_are_found_and_others_have_none(known: set[int], ids: list[int], spread: int) -> None:
    ordered = sorted(one * spread for one in known)
    asked = [one * spread for one in ids]
    found = places(np.array(ordered, np.int64), np.array(asked, np.int64)).tolist()
    assert found == [ordered.index(one) if one in ordered else -1 for one in asked]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_the_first_row_of_each_group_has_the_least_keys(rows: list[tuple[int, int, int]]) -> None:
    group, one, other = (np.array([row[side] for row in rows], np.int64) for side in range(3))
    chosen = first(group, 5, one, other).tolist()
    assert [rows[place] for place in chosen] == [
        min(r for r in rows if r[0] == g) for g in sorted({r[0] for r in rows})
    ]


def test_a_group_without_rows_has_no_latest() -> None:
    assert latest(np.array([1, 1]), np.array([5, 3]), 3).tolist() == [NEVER, 5, NEVER]
