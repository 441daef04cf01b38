"""When all members are replaced, and when not although that would be better."""

import numpy as np
import pytest

from passerelle.connectors.contract.destination import AudienceSpec, Replaces
from passerelle.privacy.ledger import Place
from passerelle.privacy.vocabulary import Destination, Purpose
from passerelle.workflows.plan.aims import Aim
from passerelle.workflows.plan.guards import Guarded, Limits
from passerelle.workflows.plan.moves import NOBODY, Ids, Moves, Standing, Wish, diff
from passerelle.workflows.plan.replace import WHY, How, Known, choose, explained, whole
from passerelle.workflows.settings.audience import Replace


def ids(*spans: tuple[int, int]) -> Ids:
    return np.concatenate([np.arange(first, last) for first, last in spans]).astype(np.int64)


def aim(replace: Replace = "auto", replaces: Replaces = Replaces.SWITCH, minimum: int = 10) -> Aim:
    return Aim(
        Place("meta", "a"), Destination.META, Purpose.AD_LIST_MATCHING, "s", AudienceSpec("a", "a"),
        Limits(minimum, None), None, replaces, replace,
    )  # fmt: skip


def planned(wanted: Ids, there: Ids, *, owed: Ids = NOBODY, changed: Ids = NOBODY) -> tuple[Wish, Moves]:
    wish = Wish(wanted, np.ones(len(wanted), np.int32), {})
    revision = np.where(np.isin(there, changed), 0, 1).astype(np.int32)
    return wish, diff(wish, Standing(there, np.zeros(len(there), np.int8), revision, owed))


def chosen(
    wanted: Ids, there: Ids, known: Known | None = None, *, of: Aim | None = None, held: tuple[str, ...] = (),
    stale: bool = False, unfit: bool = False,
) -> How:  # fmt: skip
    wish, moves = planned(wanted, there)
    guarded = Guarded(moves, held, 0, 0)
    return choose(of or aim(), guarded, wish, known or Known(), stale=stale, unfit=unfit)


SAME = ids((0, 100))
DOUBT = Known(doubt="restored")


def test_a_small_change_is_made_row_by_row() -> None:
    assert chosen(ids((0, 100)), ids((5, 105))) == How("diff", "")


def test_a_change_of_more_rows_than_the_whole_list_is_a_replacement() -> None:
    assert chosen(ids((0, 100)), ids((200, 300))) == How("replace", "cheaper")
    assert chosen(ids((0, 100)), ids((40, 100), (200, 240))) == How("diff", ""), "80 rows are fewer than 100"


def test_a_replacement_must_save_more_than_it_costs() -> None:
    assert chosen(ids((0, 100)), ids((41, 100), (200, 279))) == How("diff", ""), "120 rows for 100"
    assert chosen(ids((0, 100)), ids((41, 100), (200, 280))) == How("replace", "cheaper"), "121 rows for 100"


@pytest.mark.parametrize("doubt", ["adopted", "restored"])
def test_who_does_not_know_who_is_there_replaces_them_even_where_nothing_changed(doubt: str) -> None:
    assert chosen(SAME, SAME, Known(doubt=doubt)) == How("replace", doubt)


def test_removals_that_are_refused_again_and_again_are_made_by_a_replacement() -> None:
    assert chosen(SAME, SAME, Known(refused=1)) == How("replace", "removals_refused")


def test_an_audience_that_wants_it_is_always_replaced_but_not_for_nothing() -> None:
    assert chosen(ids((0, 100)), ids((1, 100)), of=aim("always")) == How("replace", "always")
    assert chosen(SAME, SAME, of=aim("always")) == How("diff", "")


def test_an_audience_that_does_not_want_it_never_is() -> None:
    assert chosen(SAME, SAME, DOUBT, of=aim("never")) == How("diff", "")
    assert chosen(SAME, SAME, DOUBT, of=aim(replaces=Replaces.NEVER)) == How("diff", "")


def test_nothing_is_replaced_by_nobody() -> None:
    assert chosen(NOBODY, SAME, DOUBT) == How("diff", "nobody_left")


def test_nothing_is_replaced_by_fewer_than_the_minimum_size() -> None:
    assert chosen(ids((0, 9)), SAME, DOUBT) == How("diff", "minimum_size")
    assert chosen(ids((0, 10)), SAME, DOUBT) == How("replace", "restored")


def test_nobody_is_sent_anew_while_consent_is_stale_a_guard_holds_or_a_name_is_unfit() -> None:
    assert chosen(SAME, SAME, DOUBT, stale=True) == How("diff", "consent_stale")
    assert chosen(SAME, SAME, DOUBT, held=("maximum_change",)) == How("diff", "held_back")
    assert chosen(SAME, SAME, DOUBT, unfit=True) == How("diff", "held_back")


def test_one_replacement_is_concluded_before_the_next_begins() -> None:
    assert chosen(SAME, SAME, Known(doubt="restored", under_way=True)) == How("diff", "under_way")


def test_who_must_be_taken_out_first_is_not_sent() -> None:
    wish, moves = planned(ids((0, 10)), ids((0, 20)), owed=ids((3, 5)), changed=ids((7, 8)))
    assert whole(wish, moves).tolist() == [0, 1, 2, 5, 6, 7, 8, 9]


def test_every_reason_has_its_words_and_meta_says_what_its_ad_sets_keep() -> None:
    for word in WHY:
        assert explained(How("replace", word), Replaces.SWEEP) == WHY[word]
    assert "learned" in explained(How("replace", "cheaper"), Replaces.SWITCH)
    assert "learned" not in explained(How("diff", "under_way"), Replaces.SWITCH)
