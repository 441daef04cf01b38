"""What was known then, of whom nothing is said but probably, and what outlasts an erasure."""

import pyarrow as pa
import pytest

from passerelle.privacy.consent import Policy
from passerelle.privacy.consent.likely import tie
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import DAY, NOW, RULE, House, notice, policy, statement

EARLY = NOW - 20 * DAY


def size(house: House) -> int:
    with house.store.read() as connection:
        return house.log.size(connection)


def documented(house: House, rules: Policy | None = None, *, now: int = NOW) -> int:
    """The log's size after this policy came into force."""
    with house.store.write() as connection:
        house.gate(rules).document(connection, now)
    return size(house)


def then(house: House, ids: list[int], log_size: int) -> list[str]:
    with house.store.read() as connection:
        past = house.gate().as_of(connection, log_size)
        found = past.decide(connection, pa.array(ids), purpose=Purpose.AD_LIST_MATCHING, destination=Destination.META)
    return [str(reason) for reason in found["reason"].to_pylist()]


def test_the_gate_of_then_knows_what_its_log_entries_say(house: House) -> None:
    one, other = house.people(2)
    documented(house, now=NOW - 5 * DAY)
    house.tell(statement(one), statement(other), now=NOW - 4 * DAY)
    before = size(house)
    house.tell(statement(one, "ConsentWithdrawn", event_time=NOW - 9 * DAY), now=NOW - 3 * DAY)
    assert then(house, [one, other], before) == ["consent", "consent"]
    assert then(house, [one, other], size(house)) == ["consent", "consent"]  # the consent is the later one
    house.tell(statement(one, "ConsentWithdrawn", event_time=NOW - 3 * DAY), now=NOW - 2 * DAY)
    assert then(house, [one, other], size(house)) == ["withdrawn", "consent"]
    assert then(house, [one, other], before) == ["consent", "consent"]


def test_the_gate_of_then_has_the_policy_and_the_notices_of_then(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one, event_time=EARLY), now=NOW - 9 * DAY)
    start = size(house)
    strict = policy({**RULE, "jurisdictions": ["UK"]})
    first = documented(house, strict, now=NOW - 8 * DAY)
    second = documented(house, now=NOW - 7 * DAY)
    third = documented(house, strict, now=NOW - 6 * DAY)
    assert [then(house, [one], at)[0] for at in (start, first, second, third)] == [
        "no_policy_rule", "no_policy_rule", "consent", "no_policy_rule",
    ]  # fmt: skip
    with house.store.read() as connection:
        assert house.gate().as_of(connection, third).policy == strict
        assert house.log.verify(connection).problems == []


def test_the_gate_of_then_does_not_know_a_notice_that_came_later(house: House) -> None:
    (one,) = house.people()
    with house.store.write() as connection:
        house.gate(None, notice(id="other")).document(connection, NOW - 9 * DAY)
    house.tell(statement(one, event_time=EARLY), now=NOW - 8 * DAY)
    before = size(house)
    documented(house)
    assert (then(house, [one], before), then(house, [one], size(house))) == (["notice_unknown"], ["consent"])


def test_people_who_were_merged_later_were_two_people_then(house: House) -> None:
    one, other = house.people(2)
    documented(house, now=NOW - 9 * DAY)
    house.tell(
        statement(one, event_time=EARLY), statement(other, "ConsentRefused", event_time=EARLY), now=NOW - 8 * DAY
    )
    before = size(house)
    house.merge(one, other, now=NOW - 7 * DAY)
    house.tell(statement(one, event_time=EARLY, recipients="meta"), now=NOW - 6 * DAY)
    assert then(house, [one, other], before) == ["consent", "refused"]
    assert then(house, [one, other], size(house)) == ["refused", "refused"]


@pytest.mark.parametrize("log_size", [0, 1_000])
def test_a_size_that_the_log_never_had_is_refused(house: House, log_size: int) -> None:
    house.people()
    documented(house)
    with pytest.raises(IntegrityError), house.store.read() as connection:
        house.gate().as_of(connection, log_size)


def test_a_refusal_of_a_probably_same_person_counts_and_a_consent_does_not(house: House) -> None:
    one, other, third = house.people(3)
    house.tell(statement(one), statement(other, "ConsentRefused"))
    assert house.reasons([one, other, third]) == ["consent", "refused", "no_consent_event"]
    pairs = pa.table({"subject_id": [other, third, one], "other_id": [one, one, one], "score": [900, 800, 1000]})
    for _ in range(2):
        with house.store.write() as connection:
            tie(house.store, connection, pairs, source="splink", now=NOW)
    assert house.reasons([one, other, third]) == ["refused", "refused", "no_consent_event"]
    assert house.reasons([one], heard_until=NOW - 1) == ["no_consent_event"]
    house.tell(statement(other, event_time=NOW - DAY))
    assert house.reasons([one, third]) == ["consent", "no_consent_event"]


def test_a_tie_to_somebody_merged_later_is_a_tie_to_who_they_are_today(house: House) -> None:
    one, other, third = house.people(3)
    house.tell(statement(one), statement(third, "ConsentRefused"))
    with house.store.write() as connection:
        pairs = pa.table({"subject_id": [one], "other_id": [other], "score": [900]})
        tie(house.store, connection, pairs, source="splink", now=NOW)
    house.merge(other, third)
    assert house.reasons([one]) == ["refused"]


def test_who_is_known_again_after_an_erasure_must_agree_again(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    with house.store.write() as connection:
        house.store.update(connection, t.subject, {"subject_id": [one], "suppressed_at": [NOW - 4 * DAY]})
    assert house.reasons([one]) == ["suppressed"]
    assert house.reasons([one], heard_until=NOW - 5 * DAY) == ["no_consent_event"]
    house.tell(statement(one, event_time=NOW - 3 * DAY))
    assert house.reasons([one]) == ["consent"]


def test_the_policy_relaxes_a_channel(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one, channel="web"))
    assert house.reasons([one]) == ["other_channel"]
    relaxed = policy(signals={"web": "may_grant"})
    assert relaxed.digest != policy().digest
    assert house.reasons([one], house.gate(relaxed)) == ["consent"]
