from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.consent.reasons import ALLOWED, REASONS
from passerelle.privacy.consent.resolve import (
    DAY,
    DECISIONS,
    FOREVER,
    HISTORY,
    NO_JURISDICTION,
    NO_RULE,
    NO_STOP,
    People,
    Terms,
    Told,
    resolve,
    stop_code,
)
from passerelle.privacy.vocabulary import ConsentState, EvidenceGrade
from tests.privacy.consent.model import Said, answer

NOW = 20_000 * DAY
CONSENT = Terms("consent", EvidenceGrade.A, 10 * DAY)
LENIENT = Terms("consent", EvidenceGrade.B, 400 * DAY)
INTEREST = Terms("legitimate_interest", EvidenceGrade.A, 0)
TERMS = [CONSENT, LENIENT, INTEREST]
NOTICES = [
    Told("ads@1", for_purpose=True, for_recipient=True, first_instant=0, last_instant=FOREVER),
    Told("ads@2", for_purpose=True, for_recipient=True, first_instant=NOW - 4 * DAY, last_instant=NOW - DAY - 1),
    Told("mail@1", for_purpose=False, for_recipient=True, first_instant=0, last_instant=FOREVER),
    Told("other@1", for_purpose=True, for_recipient=False, first_instant=0, last_instant=FOREVER),
]
BOOK = {told.reference: told for told in NOTICES}


def history(events: Sequence[Said]) -> pa.Table:
    return pa.Table.from_pylist([{name: getattr(e, name) for name in HISTORY.names} for e in events], HISTORY)


def people(terms: dict[int, int], stop: dict[int, str] | None = None) -> People:
    ids = sorted(terms)
    stops = [stop_code(stop[one]) if stop and one in stop else NO_STOP for one in ids]
    numbers = (np.array(column, np.int64) for column in (ids, [terms[one] for one in ids], stops))
    return People(*numbers)


def decide(events: Sequence[Said], terms: int = 0, at: int = NOW) -> tuple[str, int | None]:
    found = resolve(people({1: terms}), history(events), TERMS, NOTICES, recipient="meta", at=at)
    row = found.to_pylist()[0]
    assert row["allowed"] == (row["reason"] in ALLOWED)
    return row["reason"], row["event_id"]


def said(state: str = "ConsentGiven", event_id: int = 1, **changes: Any) -> Said:  # noqa: ANN401 - fields of `Said`
    usual: dict[str, Any] = {
        "subject_id": 1,
        "origin": 1,
        "stream": "crm",
        "event_time": NOW - 2 * DAY,
        "precision": "second",
        "ingested_at": NOW - DAY,
        "valid_until": None,
        "notice": "ads@1",
        "recipients": None,
        "grade": "A",
    }
    return Said(event_id=event_id, state=state, **{**usual, **changes})


# --- examples: one for each way to fail


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (said(), "consent"),
        (said("RenewedConsentGiven"), "consent"),
        (said("ConsentWithdrawn"), "withdrawn"),
        (said("ConsentRefused"), "refused"),
        (said("ConsentTerminated"), "terminated"),
        (said("ConsentInvalidated"), "terminated"),
        (said("ConsentExpired"), "ended"),
        (said("ConsentUnknown"), "unanswered"),
        (said("ConsentRequested"), "unanswered"),
        (said("ConsentRequestDeferred"), "unanswered"),
        (said(grade="C"), "evidence_too_weak"),
        (said(grade="B"), "evidence_too_weak"),
        (said(event_time=None, precision="unknown"), "time_unknown"),
        (said(notice=None), "notice_missing"),
        (said(notice="ads@9"), "notice_unknown"),
        (said(notice="mail@1"), "notice_not_for_purpose"),
        (said(notice="other@1"), "notice_not_for_recipient"),
        (said(recipients="google_ads"), "recipient_not_chosen"),
        (said(recipients="google_ads meta"), "consent"),
        (said(notice="ads@2"), "consent"),
        (said(notice="ads@2", event_time=NOW - 5 * DAY), "notice_not_valid_then"),
        (said(notice="ads@2", event_time=NOW - DAY), "notice_not_valid_then"),
        (said(event_time=NOW - 10 * DAY), "expired"),
        (said(event_time=NOW - 10 * DAY + 1), "consent"),
        (said(valid_until=NOW), "expired"),
        (said(valid_until=NOW + 1), "consent"),
        (said(event_time=NOW + 1), "no_consent_event"),
        (said(subject_id=2), "no_consent_event"),
    ],
)
def test_each_way_to_fail_has_its_own_reason(event: Said, reason: str) -> None:
    expected = None if reason == "no_consent_event" else 1
    assert decide([event]) == (reason, expected)


def test_nobody_is_allowed_without_an_event() -> None:
    assert decide([]) == ("no_consent_event", None)


@pytest.mark.parametrize(("code", "reason"), [(NO_RULE, "no_policy_rule"), (NO_JURISDICTION, "jurisdiction_unknown")])
def test_consent_is_worth_nothing_where_the_policy_says_nothing(code: int, reason: str) -> None:
    assert decide([said()], terms=code) == (reason, None)


def test_a_withdrawal_is_named_even_where_the_policy_says_nothing() -> None:
    assert decide([said("ConsentWithdrawn")], terms=NO_RULE) == ("withdrawn", 1)


def test_hard_stops_beat_everything() -> None:
    asked = people({1: 0, 2: 0}, {1: "erased", 2: "unknown_person"})
    events = [said(), said(event_id=2, subject_id=2, origin=2)]
    found = resolve(asked, history(events), TERMS, NOTICES, recipient="meta", at=NOW)
    assert found["reason"].to_pylist() == ["erased", "unknown_person"]
    assert found["event_id"].to_pylist() == [None, None]


def test_a_later_consent_lifts_a_refusal_and_a_later_refusal_ends_a_consent() -> None:
    earlier, later = NOW - 3 * DAY, NOW - 2 * DAY
    assert decide([said("ConsentRefused", event_time=earlier), said(event_id=2, event_time=later)]) == ("consent", 2)
    assert decide([said(event_time=earlier), said("ConsentRefused", 2, event_time=later)]) == ("refused", 2)


def test_a_consent_within_the_second_or_the_day_of_a_refusal_does_not_lift_it() -> None:
    assert decide([said("ConsentRefused"), said(event_id=2, event_time=NOW - 2 * DAY + 999_999)])[0] == "refused"
    assert decide([said("ConsentRefused"), said(event_id=2, event_time=NOW - 2 * DAY + 1_000_000)])[0] == "consent"
    day = said("ConsentRefused", event_time=NOW - 2 * DAY + 5, precision="day")
    assert decide([day, said(event_id=2, event_time=NOW - DAY - 1)])[0] == "refused"
    assert decide([day, said(event_id=2, event_time=NOW - DAY)])[0] == "consent"


def test_a_refusal_without_a_date_counts_from_when_it_was_heard() -> None:
    undated = said("ConsentRefused", event_time=None, precision="unknown", ingested_at=NOW - DAY)
    assert decide([undated, said(event_id=2, event_time=NOW - DAY)])[0] == "refused"
    assert decide([undated, said(event_id=2, event_time=NOW - DAY + 1)])[0] == "consent"


@pytest.mark.parametrize(
    "weak", [{"grade": "C"}, {"notice": None}, {"notice": "other@1"}, {"recipients": "google_ads"}]
)
def test_a_consent_that_does_not_count_lifts_nothing_and_ends_the_one_before(weak: dict[str, Any]) -> None:
    later = said(event_id=2, event_time=NOW - DAY, **weak)
    assert decide([said("ConsentWithdrawn"), later])[0] == "withdrawn"
    assert decide([said(), later])[0] not in ALLOWED


def test_one_stream_that_says_no_is_enough() -> None:
    no = said("ConsentRefused", event_id=2, stream="shop", event_time=NOW - 9 * DAY)
    assert decide([said(), no]) == ("refused", 2)


def test_one_stream_whose_consent_does_not_count_takes_nothing_from_another() -> None:
    assert decide([said(), said(event_id=2, stream="shop", grade="C")]) == ("consent", 1)


def test_the_person_as_merged_keeps_both_histories() -> None:
    before = said("ConsentWithdrawn", origin=7, event_time=NOW - 9 * DAY)
    assert decide([before, said(event_id=2)]) == ("withdrawn", 1)
    assert decide([before, said(event_id=2), said(event_id=2, origin=7)]) == ("consent", 2)


def test_legitimate_interest_holds_until_somebody_objects() -> None:
    assert decide([], terms=2) == ("legitimate_interest", None)
    assert decide([said("ConsentRefused")], terms=2) == ("objection", 1)
    assert decide([said("ConsentRefused"), said(event_id=2, event_time=NOW, grade="C")], terms=2)[0] == "objection"
    assert decide([said("ConsentRefused"), said(event_id=2, event_time=NOW, grade="B", notice=None)], terms=2) == (
        "legitimate_interest",
        None,
    )


def test_without_rules_and_people_there_is_nothing_to_say() -> None:
    assert resolve(people({}), history([]), [], [], recipient="meta", at=NOW).equals(DECISIONS.empty_table())
    found = resolve(people({1: NO_RULE}), history([said()]), [], [], recipient="meta", at=NOW)
    assert found["reason"].to_pylist() == ["no_policy_rule"]


def test_many_streams_of_few_people_are_told_apart() -> None:
    events = [said(event_id=n, stream=f"s{n}", subject_id=1 + n % 3, origin=n) for n in range(100)]
    found = resolve(people({1: 0, 2: 0, 3: 0}), history(events), TERMS, NOTICES, recipient="meta", at=NOW)
    assert found["reason"].to_pylist() == ["consent"] * 3


def test_text_columns_may_come_as_dictionaries_in_pieces() -> None:
    parts = [history([said(event_id=n, stream=f"s{n}", subject_id=n, origin=n)]) for n in (1, 2)]
    kind = pa.dictionary(pa.int32(), pa.string())
    fields = [pa.field(f.name, kind if f.type == pa.string() else f.type) for f in HISTORY]
    joined = pa.concat_tables(part.cast(pa.schema(fields)) for part in parts)
    found = resolve(people({1: 0, 2: 0}), joined, TERMS, NOTICES, recipient="meta", at=NOW)
    assert found["event_id"].to_pylist() == [1, 2]


# --- properties

MOMENTS = st.one_of(
    st.none(),
    st.integers(-15, 2).map(lambda days: NOW + days * DAY),
    st.integers(-4_000_000, 4_000_000).map(lambda micros: NOW - 2 * DAY + micros),
)
EVENTS = st.builds(
    Said,
    event_id=st.integers(1, 10**6),
    subject_id=st.integers(1, 4),
    origin=st.integers(1, 2),
    stream=st.sampled_from(["crm", "crm/1", "crm/2", "shop"]),
    state=st.sampled_from(["ConsentGiven", "ConsentGiven", "ConsentGiven", *(s.value for s in ConsentState)]),
    event_time=MOMENTS,
    precision=st.sampled_from(["second", "second", "day", "unknown"]),
    ingested_at=st.integers(-3, 0).map(lambda days: NOW + days * DAY),
    valid_until=st.one_of(st.none(), st.none(), st.integers(-2, 2).map(lambda days: NOW + days * DAY)),
    notice=st.sampled_from(["ads@1", "ads@1", "ads@1", "ads@2", "mail@1", "other@1", "gone@1", None]),
    recipients=st.sampled_from([None, None, "meta", "google_ads", "google_ads meta"]),
    grade=st.sampled_from(["A", "A", "B", "C"]),
).map(lambda e: replace(e, origin=e.subject_id * 10 + e.origin))
HISTORIES = st.lists(EVENTS, max_size=12, unique_by=lambda e: e.event_id)
ASKED = {1: 0, 2: 1, 3: 2, 4: NO_RULE}


def answers(events: Sequence[Said], at: int = NOW) -> pa.Table:
    return resolve(people(ASKED), history(events), TERMS, NOTICES, recipient="meta", at=at)


@settings(max_examples=80, deadline=None)
@given(HISTORIES)
def test_it_answers_as_the_plain_model_does(events: list[Said]) -> None:
    expected = [
        answer([e for e in events if e.subject_id == one], TERMS[term] if term >= 0 else None, BOOK, "meta", NOW)
        for one, term in ASKED.items()
    ]
    assert answers(events)["reason"].to_pylist() == expected


def drawn(random: Random, event_id: int) -> Said:
    """One event such as `EVENTS` makes, at the speed that thousands of people need."""
    day, subject = random.choice([None, 0, 1]), random.randint(1, 4_000)
    return Said(
        event_id=event_id,
        subject_id=subject,
        origin=subject * 10 + random.randint(1, 2),
        stream=random.choice(["crm", "shop"]),
        state=random.choice(["ConsentGiven"] * 12 + [state.value for state in ConsentState]),
        event_time=day
        and NOW - random.choice([2 * DAY + random.randint(-3_000_000, 3_000_000), random.randint(-1, 15) * DAY]),
        precision=random.choice(["second", "second", "day", "unknown"]),
        ingested_at=NOW - random.randint(0, 3) * DAY,
        valid_until=random.choice([None, None, NOW, NOW + DAY]),
        notice=random.choice(["ads@1"] * 9 + ["ads@2", "mail@1", "other@1", "gone@1", None]),
        recipients=random.choice([None, None, None, "google_ads", "google_ads meta"]),
        grade=random.choice("AAAABC"),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_it_answers_for_thousands_as_the_plain_model_does_for_each(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's data
    events = [drawn(random, number) for number in range(1, 10_001)]
    asked = {one: [0, 1, 2, NO_RULE][one % 4] for one in range(1, 4_001)}
    by_person: dict[int, list[Said]] = {one: [] for one in asked}
    for event in events:
        by_person[event.subject_id].append(event)
    expected = [
        answer(by_person[one], TERMS[term] if term >= 0 else None, BOOK, "meta", NOW) for one, term in asked.items()
    ]
    found = resolve(people(asked), history(events), TERMS, NOTICES, recipient="meta", at=NOW)["reason"].to_pylist()
    assert found == expected
    assert len(set(found)) > 15


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_order_of_arrival_and_repetition_change_nothing(events: list[Said], random: Random) -> None:
    shuffled = [*events, *random.choices(events, k=3)] if events else []
    random.shuffle(shuffled)
    assert answers(shuffled).equals(answers(events))


@settings(max_examples=50, deadline=None)
@given(HISTORIES, EVENTS)
def test_one_more_refusal_never_turns_no_into_yes(events: list[Said], more: Said) -> None:
    refusal = replace(more, event_id=0, state="ConsentWithdrawn")
    before, after = answers(events)["allowed"].to_pylist(), answers([*events, refusal])["allowed"].to_pylist()
    assert all(was or not now for was, now in zip(before, after, strict=True))


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_whoever_is_allowed_has_a_consent_that_no_possible_refusal_follows(events: list[Said]) -> None:
    by_id = {e.event_id: e for e in events}
    for row in answers(events).to_pylist():
        if row["reason"] != "consent":
            continue
        rests_on = by_id[row["event_id"]]
        assert rests_on.grade != "C"
        assert BOOK[rests_on.notice or ""].for_purpose
        assert BOOK[rests_on.notice or ""].for_recipient
        for other in events:
            same = (other.origin, other.stream) == (rests_on.origin, rests_on.stream)
            if same and not other.yes:
                assert other.moment() < rests_on.moment()


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.integers(0, 30))
def test_who_was_never_asked_again_is_never_allowed_again(events: list[Said], days: int) -> None:
    past = [e for e in events if e.moment() <= NOW]
    now, later = answers(past)["allowed"].to_pylist(), answers(past, at=NOW + days * DAY)["allowed"].to_pylist()
    assert all(was or not is_ for was, is_ in zip(now, later, strict=True))


def test_every_reason_is_a_sentence_without_a_capital() -> None:
    assert all(text and text[0].islower() and not text.endswith(".") for text in REASONS.values())
