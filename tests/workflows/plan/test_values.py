"""What people are worth, as it is sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.keys import Keyring
from passerelle.privacy.ledger.marks import marks
from passerelle.workflows.plan.moves import NOBODY, Standing, Wish, diff
from passerelle.workflows.plan.values import rounded, values_of

KEYS = Keyring(b"k" * 32)
OTHER = Keyring(b"o" * 32)


@pytest.mark.parametrize(
    ("amount", "digits", "sent"),
    [
        (0.0, 2, "0.0"), (1234.56, 2, "1200.0"), (1250.0, 2, "1200.0"), (1350.0, 2, "1400.0"), (44.5, 3, "44.5"),
        (0.9, 2, "0.9"), (0.012345, 2, "0.012"), (99.6, 2, "100.0"), (49.99, 6, "49.99"), (1e12, 1, "1000000000000.0"),
    ],
)  # fmt: skip
def test_a_value_keeps_its_significant_digits(amount: float, digits: int, sent: str) -> None:
    assert repr(float(rounded(np.array([amount]), digits)[0])) == sent


@given(st.floats(0, 1e12), st.integers(1, 6))
def test_rounding_is_near_never_negative_and_stays_where_it_is(amount: float, digits: int) -> None:
    once = rounded(np.array([amount]), digits)
    assert once[0] >= 0
    assert abs(once[0] - amount) <= max(0.5000001 * 10.0 ** (1 - digits) * amount, 0.5000001e-6)
    assert rounded(once, digits)[0] == once[0]


def test_who_has_no_value_that_may_be_sent_is_kept_out_with_the_reason() -> None:
    amounts = np.array([1.0, np.nan, -0.01, 2e12, np.inf, 0.0])
    values, unfit = values_of(np.arange(6), amounts, 2)
    assert values.subject_id.tolist() == [0, 5]
    assert {reason: ids.tolist() for reason, ids in unfit.items()} == {
        "value_missing": [1], "value_negative": [2], "value_too_large": [3, 4],
    }  # fmt: skip


def test_values_do_not_show_by_accident() -> None:
    values, _ = values_of(np.array([7]), np.array([4711.0]), 4)
    assert "4711" not in repr(values)
    assert "4711" not in repr(values.personal(np.array([7])))


def test_a_mark_tells_person_and_value_apart_and_nothing_without_the_key() -> None:
    ids, amounts = np.array([1, 1, 2, 1]), np.array([5.0, 6.0, 5.0, 5.0])
    found = marks(KEYS, ids, amounts)
    assert len(set(found[:3].tolist())) == 3
    assert found[0] == found[3]
    assert (found >= 0).all()
    assert not np.isin(found, marks(OTHER, ids, amounts)).any()
    assert marks(KEYS, ids[:1], np.array([-0.0])) == marks(KEYS, ids[:1], np.array([0.0]))


def test_a_changed_value_is_an_addition_and_no_removal() -> None:
    ids, revision = np.arange(4), np.ones(4, np.int32)
    standing = Standing(ids, np.zeros(4, np.int8), revision, mark=np.array([10, 11, -1, 13]))
    moves = diff(Wish(ids, revision, {}, mark=np.array([10, 12, 12, 13])), standing)
    assert moves.adds.tolist() == [1, 2]
    assert (moves.revalued, moves.fresh, moves.removes) == (2, 0, {})


def test_who_has_a_changed_value_and_is_to_leave_leaves() -> None:
    ids, revision = np.arange(2), np.ones(2, np.int32)
    standing = Standing(ids, np.zeros(2, np.int8), revision, owed=np.array([0]), mark=np.array([10, 11]))
    moves = diff(Wish(np.array([0]), revision[:1], {}, mark=np.array([12])), standing)
    assert moves.adds.tolist() == NOBODY.tolist()
    assert {cause: gone.tolist() for cause, gone in moves.removes.items()} == {"queued": [0], "left_segment": [1]}
