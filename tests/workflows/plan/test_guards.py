"""What a guard holds, and what it never holds."""

import numpy as np
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.plan.guards import OVERRIDABLE, Guarded, Limits, guard, overridden
from passerelle.workflows.plan.moves import NOBODY, Moves


def moves(adds: int = 0, current: int = 0, **removes: int) -> Moves:
    causes = {cause: np.arange(1000, 1000 + count) for cause, count in removes.items()}
    return Moves(np.arange(adds), causes, NOBODY, NOBODY, current, adds)


def guarded(
    plan: Moves,
    minimum: int = 0,
    maximum: float | None = None,
    size: int = 1,
    *,
    stale: bool = False,
    approve: str = "",
    unfit: bool = False,
) -> Guarded:
    limits = Limits(minimum, maximum)
    return guard(plan, limits, segment_size=size, stale=stale, approved=frozenset({approve}), unfit=unfit)


def test_a_first_sync_of_enough_people_goes_through() -> None:
    assert guarded(moves(adds=100), minimum=100, maximum=30).held == ()


def test_fewer_than_the_minimum_are_not_sent() -> None:
    held = guarded(moves(adds=99), minimum=100)
    assert (held.held, held.held_adds, len(held.moves.adds)) == (("minimum_size",), 99, 0)


def test_a_removal_for_consent_goes_out_below_the_minimum() -> None:
    held = guarded(moves(adds=1, current=50, withdrawn=3), minimum=100)
    assert len(held.moves.removes["withdrawn"]) == 3


def test_a_change_that_is_too_big_is_held_with_its_removals() -> None:
    held = guarded(moves(adds=20, current=100, left_segment=11, withdrawn=5), maximum=30)
    assert held.held == ("maximum_change",)
    assert (held.held_adds, held.held_removes, list(held.moves.removes)) == (20, 11, ["withdrawn"])


def test_a_big_change_can_be_approved() -> None:
    assert guarded(moves(adds=80, current=100), maximum=30, approve="maximum_change").held == ()


def test_many_withdrawals_are_no_reason_to_hold_anything() -> None:
    assert guarded(moves(current=100, withdrawn=90), maximum=30).held == ()


def test_an_empty_segment_does_not_empty_the_audience() -> None:
    held = guarded(moves(current=100, left_segment=100), size=0)
    assert (held.held, held.held_removes) == (("empty_segment",), 100)


def test_a_model_that_may_not_be_relied_on_holds_choices_and_lets_consent_removals_out() -> None:
    plan = moves(adds=0, current=200, left_segment=180, withdrawn=20)
    found = guard(plan, Limits(100, 30.0), segment_size=0, stale=False, approved=frozenset(OVERRIDABLE), model=True)
    assert found.held == ("model",)
    assert set(found.moves.removes) == {"withdrawn"}
    assert found.held_removes == 180


def test_stale_consent_stops_additions_and_no_removal() -> None:
    held = guarded(moves(adds=5, current=100, left_segment=2), stale=True)
    assert held.held == ("consent_stale",)
    assert (len(held.moves.adds), len(held.moves.removes["left_segment"])) == (0, 2)


def test_people_are_not_taken_out_to_be_put_in_again_while_additions_are_held() -> None:
    held = guarded(moves(adds=5, current=100, identifiers_changed=2), stale=True)
    assert "identifiers_changed" not in held.moves.removes


def test_the_minimum_size_has_no_override() -> None:
    with pytest.raises(DefinitionError):
        overridden(["minimum_size"])


def test_a_name_that_platforms_flag_holds_additions_and_lets_consent_removals_out() -> None:
    held = guarded(moves(adds=5, current=50, withdrawn=3), unfit=True)
    assert (held.held, held.held_adds, len(held.moves.removes["withdrawn"])) == (("sensitive_name",), 5, 3)


def test_what_was_approved_and_would_have_held_is_told() -> None:
    plan = guarded(moves(adds=5, current=50), unfit=True, approve="sensitive_name")
    assert (plan.held, plan.overridden) == ((), ("sensitive_name",))
    assert guarded(moves(adds=5), approve="sensitive_name").overridden == ()
