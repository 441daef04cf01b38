"""Replacing all members through the real SDKs, at the twins."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from passerelle.connectors.contract.destination import Intent, NotNow, Part, Receipt, Replacement
from passerelle.connectors.errors import OutcomeUnknown, Refused, ReplacementOver, TryLater
from tests.connectors.destinations.people import Person, cleared, people
from tests.connectors.destinations.stage import Stage

HOUR = 3_600_000_000


def now() -> int:
    return time.time_ns() // 1000


def begun(stage: Stage, total: int = 5, at: int | None = None) -> Replacement:
    stage.pushes += 1
    answer = stage.destination.begin_replace(stage.remote, total, Intent(f"batch{stage.pushes}", 1), at or now())
    assert isinstance(answer, Replacement), answer
    return answer


def send(stage: Stage, persons: Sequence[Person], part: Part) -> Receipt:
    stage.pushes += 1
    batch = cleared(persons, stage.destination.platform)
    keys = stage.destination.match_keys(batch, stage.remote)
    return stage.destination.add(stage.remote, batch, keys, Intent(f"batch{stage.pushes}", 1), part)


def whole(stage: Stage, *parts: Sequence[Person], at: int | None = None) -> list[Receipt]:
    """The receipts of all parts and of the conclusion, settled."""
    replacement = begun(stage, sum(map(len, parts)), at)
    receipts, received = [], 0
    for number, persons in enumerate(parts, 1):
        receipts.append(send(stage, persons, Part(replacement, number, received, number == len(parts))))
        received = int(receipts[-1].request.get("received", 0))
    if stage.destination.name == "google":
        receipts = [stage.settle(receipt) for receipt in receipts]
    receipts.append(stage.destination.conclude_replace(stage.remote, replacement, 2))
    return [stage.settle(receipt) for receipt in receipts]


def counts(receipts: list[Receipt]) -> list[tuple[str, int, int, int]]:
    return [(one.state, one.accepted, one.rejected_count, one.pending) for one in receipts]


def aged(stage: Stage, hours: int) -> int:
    """Let the platform's clock go on; the same instant by ours."""
    stage.twins.clock(advance_seconds=hours * 3600)
    return now() + ahead(stage)


def ahead(stage: Stage) -> int:
    """How far the twins' clock is ahead of ours."""
    return int(stage.twins.state()["now"]) - now()


def test_whoever_is_not_sent_again_is_out(stage: Stage) -> None:
    stage.add(people(4))
    receipts = whole(stage, people(2, start=2), people(3, start=10), at=aged(stage, 3))
    assert counts(receipts) == [("settled", 2, 0, 0), ("settled", 3, 0, 0), ("settled", 2, 0, 0)]
    assert stage.count() == 5


def test_a_replacement_names_its_session_or_request_and_nobody(stage: Stage) -> None:
    stage.add(people(4))
    receipts = whole(stage, people(2, start=2), at=aged(stage, 3))
    for receipt in receipts:
        assert all(isinstance(value, str | int) for value in receipt.request.values())
        assert "example" not in repr(receipt)
    assert stage.slept == []


def test_an_empty_replacement_is_never_begun(stage: Stage) -> None:
    stage.add(people(4))
    with pytest.raises(ValueError, match="nobody"):
        begun(stage, 0)
    assert stage.count() == 4


# --- Meta


def test_meta_counts_what_it_received_over_the_session(on_meta: Stage) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    first = send(on_meta, people(3), Part(replacement, 1, 0, last=False))
    second = send(on_meta, people(2, start=3), Part(replacement, 2, int(first.request["received"]), last=True))
    assert (first.request["received"], second.request["received"]) == (3, 5)
    assert (first.rejected_count, second.rejected_count) == (0, 0)


def test_all_members_are_switched_at_once(on_meta: Stage) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    first = send(on_meta, people(3, start=3), Part(replacement, 1, 0, last=False))
    assert (on_meta.count(), on_meta.settle(first).state) == (3, "pending")
    send(on_meta, people(2, start=6), Part(replacement, 2, 3, last=True))
    assert (on_meta.count(), on_meta.settle(first).state) == (5, "settled")


def test_until_meta_has_switched_nothing_is_settled(on_meta: Stage) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    on_meta.twins.clock(hold=True)
    receipt = send(on_meta, people(5), Part(replacement, 1, 0, last=True))
    last = on_meta.destination.conclude_replace(on_meta.remote, replacement, 1)
    assert counts([on_meta.settle(receipt), on_meta.settle(last)]) == [("pending", 0, 0, 5), ("pending", 0, 0, 1)]
    on_meta.twins.clock(release=True)
    assert counts([on_meta.settle(receipt), on_meta.settle(last)]) == [("settled", 5, 0, 0), ("settled", 1, 0, 0)]


def test_a_replacement_that_meta_fails_confirms_nobody_in_and_nobody_out(on_meta: Stage) -> None:
    on_meta.add(people(3))
    on_meta.twins.fault(call="meta.users.replace", partial={"rows": [], "reason": "REPLACE_FAILED"})
    receipts = whole(on_meta, people(5, start=3))
    assert counts(receipts) == [("settled", 0, 5, 0), ("settled", 0, 2, 0)]
    assert {word for one in receipts for word in one.reasons} == {"replace_failed"}
    assert on_meta.count() == 3


def test_a_conclusion_about_nobody_still_tells_that_it_failed(on_meta: Stage) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    on_meta.twins.fault(call="meta.users.replace", partial={"rows": [], "reason": "REPLACE_FAILED"})
    send(on_meta, people(5), Part(replacement, 1, 0, last=True))
    ended = on_meta.settle(on_meta.destination.conclude_replace(on_meta.remote, replacement, 0))
    assert (ended.rejected_count, ended.reasons) == (0, {"replace_failed": 1})


def refused(stage: Stage, at: int | None = None) -> str:
    answer = stage.destination.begin_replace(stage.remote, 5, Intent("batch", 1), at or now())
    assert isinstance(answer, NotNow)
    return answer.reason


def test_meta_is_not_asked_to_replace_what_is_not_in_its_normal_state(on_meta: Stage) -> None:
    assert "410" in refused(on_meta), "never filled"
    on_meta.add(people(3))
    on_meta.twins.clock(hold=True)
    send(on_meta, people(5), Part(begun(on_meta), 1, 0, last=True))
    assert "414" in refused(on_meta)
    assert on_meta.twins.calls()["meta.users.replace"] >= 1


SUBCODES: list[tuple[int, type[Exception]]] = [
    (1870145, TryLater), (1870147, ReplacementOver), (1870148, OutcomeUnknown), (1870158, ReplacementOver),
    (1870159, ReplacementOver), (1870144, Refused),
]  # fmt: skip


@pytest.mark.parametrize(("subcode", "kind"), SUBCODES, ids=str)
@pytest.mark.parametrize("number", [1, 2])
def test_each_way_in_which_meta_ends_a_replacement_is_told_apart(
    on_meta: Stage, subcode: int, kind: type[Exception], number: int
) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    if number == 2:
        send(on_meta, people(3), Part(replacement, 1, 0, last=False))
    on_meta.twins.fault(call="meta.users.replace", times=0, graph={"code": 2650, "subcode": subcode})
    with pytest.raises(kind) as told:
        send(on_meta, people(2), Part(replacement, number, 0, last=True))
    assert type(told.value) is kind
    assert on_meta.count() == 3


def test_the_first_batch_is_sent_once_and_any_other_again(on_meta: Stage) -> None:
    on_meta.add(people(3))
    replacement = begun(on_meta)
    on_meta.twins.fault(call="meta.users.replace", drop=True, applied=False)
    before = on_meta.twins.calls().get("meta.users.replace", 0)
    with pytest.raises(OutcomeUnknown):
        send(on_meta, people(3), Part(replacement, 1, 0, last=False))
    assert on_meta.twins.calls()["meta.users.replace"] == before + 1
    send(on_meta, people(3), Part(replacement, 1, 0, last=False))
    send(on_meta, people(2, start=3), Part(replacement, 2, 3, last=False))
    on_meta.twins.fault(call="meta.users.replace", drop=True, applied=False)
    send(on_meta, people(2, start=5), Part(replacement, 3, 5, last=True))
    assert on_meta.count() == 7


# --- Google


def test_people_added_again_and_later_stay_and_the_others_go(on_google: Stage) -> None:
    on_google.add(people(4))
    at = aged(on_google, 3)
    replacement = begun(on_google, 2, at)
    send(on_google, people(2), Part(replacement, 1, 0, last=True))
    assert on_google.count() == 4, "nobody leaves before the conclusion"
    on_google.add(people(1, start=9))
    on_google.settle(on_google.destination.conclude_replace(on_google.remote, replacement, 2))
    assert on_google.count() == 3


def test_concluding_twice_changes_nothing(on_google: Stage) -> None:
    on_google.add(people(4))
    replacement = begun(on_google, 2, aged(on_google, 3))
    send(on_google, people(2), Part(replacement, 1, 0, last=True))
    for _ in range(2):
        on_google.settle(on_google.destination.conclude_replace(on_google.remote, replacement, 2))
    assert on_google.count() == 2


def test_a_clock_ahead_of_googles_begins_no_replacement(on_google: Stage) -> None:
    on_google.add(people(4))
    assert "ahead" in refused(on_google, now() + ahead(on_google) + HOUR)
    assert on_google.count() == 4, "Google was asked, and changed nothing"


def test_a_clock_behind_googles_promises_nothing_of_whom_it_sweeps_out(on_google: Stage) -> None:
    there = now() + ahead(on_google)
    assert begun(on_google, at=there - HOUR).clears == 0
    assert begun(on_google, at=there).clears == there - 80 * 60 * 1_000_000


def test_a_conclusion_that_google_fails_confirms_nobody_out(on_google: Stage) -> None:
    replacement = begun(on_google)
    on_google.twins.fault(call="data_manager.remove_all", grpc={"code": "PERMISSION_DENIED"})
    with pytest.raises(Refused):
        on_google.destination.conclude_replace(on_google.remote, replacement, 2)


def test_an_instant_in_googles_future_is_refused_by_its_twin(on_google: Stage) -> None:
    wrong = Replacement(1, 0, 0, {"as_of": now() + ahead(on_google) + HOUR, "api_version": "v1"})
    with pytest.raises(Refused, match="INVALID_REMOVE_AS_OF_TIME"):
        on_google.destination.conclude_replace(on_google.remote, wrong, 0)


def test_a_conclusion_is_tried_again_where_google_is_busy(on_google: Stage) -> None:
    on_google.add(people(4))
    replacement = begun(on_google, 2, aged(on_google, 3))
    on_google.twins.fault(call="data_manager.remove_all", times=2, grpc={"code": "UNAVAILABLE"})
    receipt: Any = on_google.settle(on_google.destination.conclude_replace(on_google.remote, replacement, 4))
    assert (receipt.state, receipt.accepted, on_google.count()) == ("settled", 4, 0)
