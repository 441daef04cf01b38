from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.privacy.consent.reasons import ALLOWED, REASONS
from passerelle.privacy.consent.resolve import (
    DAY,
    DECISIONS,
    FOREVER,
    HISTORY,
    NEVER,
    NO_JURISDICTION,
    NO_RULE,
    NO_STOP,
    People,
    Terms,
    Told,
    resolve,
    resolved,
    stop_code,
)
from passerelle.privacy.vocabulary import ConsentState, EvidenceGrade
from tests.exploring import examples
from tests.privacy.consent.model import STOPS, Asked, Said, answer

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


def people(
    terms: dict[int, int], stop: dict[int, str] | None = None, suppressed: dict[int, int] | None = None
) -> People:
    ids = sorted(terms)
    stops = [stop_code(stop[one]) if stop and one in stop else NO_STOP for one in ids]
    since = [(suppressed or {}).get(one, NEVER) for one in ids]
    numbers = (np.array(column, np.int64) for column in (ids, [terms[one] for one in ids], stops, since))
    return People(*numbers)


def decide(
    events: Sequence[Said],
    terms: int = 0,
    at: int = NOW,
    relaxed: Collection[str] = (),
    suppressed: int = NEVER,
) -> tuple[str, int | None]:
    asked = people({1: terms}, suppressed={1: suppressed})
    found = resolve(asked, history(events), TERMS, NOTICES, recipient="meta", at=at, relaxed=relaxed)
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


WEB: dict[str, Any] = {"channel": "web"}
STOP = said("ConsentRefused", 1, stop="opt_out")
LATER = NOW - DAY


def test_what_a_channel_grants_does_not_count_unless_the_policy_relaxes_it() -> None:
    assert decide([said(**WEB)]) == ("other_channel", 1)
    assert decide([said(**WEB)], relaxed={"email"}) == ("other_channel", 1)
    assert decide([said(**WEB)], relaxed={"web"}) == ("consent", 1)
    assert decide([said(**WEB, notice=None)], relaxed={"web"}) == ("notice_missing", 1)


def test_a_channel_vetoes_until_it_says_yes_again_itself() -> None:
    veto = said("ConsentRefused", 2, **WEB)
    assert decide([said(event_time=LATER), veto])[0] == "refused"
    assert decide([said(), veto, said(event_id=3, event_time=LATER, grade="C", notice=None, **WEB)]) == ("consent", 1)
    assert decide([said(), veto, said(event_id=3, event_time=LATER, channel="email")])[0] == "refused"
    assert decide([said(), veto, said(event_id=3, event_time=None, **WEB)])[0] == "refused"


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("objection", "objection"),
        ("opt_out", "opt_out"),
        ("under_age", "under_age"),
        ("platform", "opted_out_at_platform"),
    ],
)
@pytest.mark.parametrize("terms", [0, 2, NO_RULE])
def test_a_hard_stop_is_named_whatever_came_after(stop: str, reason: str, terms: int) -> None:
    assert decide([replace(STOP, stop=stop), said(event_id=2, event_time=LATER)], terms) == (reason, 1)


@pytest.mark.parametrize(
    ("stop", "lifting", "lifted"),
    [
        ("opt_out", {"expression": "two_step"}, True),
        ("opt_out", {"expression": "explicit"}, False),
        ("opt_out", {"expression": "two_step", "stop": "objection"}, False),
        ("opt_out", {"expression": "two_step", "grade": "C"}, False),
        ("opt_out", {"expression": "two_step", "event_time": None}, False),
        ("opt_out", {"expression": "two_step", "event_time": NOW - 2 * DAY}, False),
        ("opt_out", {"expression": "two_step", "origin": 7}, False),
        ("opt_out", {"expression": "two_step", "stream": "desk", "notice": None}, True),
        ("opt_out", {"expression": "two_step", "stream": "browser", "channel": "web"}, False),
        ("objection", {"expression": "explicit", "grade": "B"}, True),
        ("objection", {"expression": "two_step"}, True),
        ("objection", {"expression": "implicit"}, False),
        ("objection", {}, False),
        ("under_age", {"grade": "B"}, True),
        ("platform", {}, True),
        ("platform", {"grade": "C"}, False),
    ],
)
def test_a_hard_stop_is_lifted_only_in_its_own_way(stop: str, lifting: dict[str, Any], lifted: bool) -> None:
    yes = said(event_id=3, event_time=NOW - 9 * DAY, stream="shop")
    taken_back = said(event_id=2, **{"event_time": LATER, "stop": stop, **lifting})
    assert (decide([yes, replace(STOP, stop=stop), taken_back])[0] == "consent") is lifted


def test_what_a_channel_says_lifts_the_stops_of_that_channel() -> None:
    lifting = said(event_id=2, event_time=LATER, stop="opt_out", expression="two_step", stream="site", **WEB)
    yes = said(event_id=3, event_time=NOW - 9 * DAY, stream="shop")
    assert decide([yes, replace(STOP, channel="web"), lifting])[0] == "consent"
    assert decide([yes, replace(STOP, channel="email"), lifting])[0] == "opt_out"


def test_a_stop_that_was_lifted_leaves_no_consent_from_before_it_in_its_stream() -> None:
    before = said(event_id=2, event_time=NOW - 3 * DAY)
    lifting = said(event_id=3, event_time=LATER, stop="opt_out", expression="two_step", stream="desk", notice=None)
    assert decide([before, STOP, lifting]) == ("notice_missing", 3)
    assert decide([before, STOP, lifting, said(event_id=4, event_time=LATER)]) == ("consent", 4)


def test_a_probably_same_person_can_refuse_and_not_grant() -> None:
    other: dict[str, Any] = {"linked": True, "origin": 7}
    assert decide([said(**other)]) == ("no_consent_event", None)
    assert decide([said(), said("ConsentRefused", 2, **other)]) == ("refused", 2)
    assert decide([said(), replace(STOP, event_id=2, **other)]) == ("opt_out", 2)
    taken_back = said(event_id=3, event_time=LATER, **other)
    assert decide([said(), said("ConsentRefused", 2, **other), taken_back]) == ("consent", 1)


def test_after_an_erasure_only_a_later_yes_counts() -> None:
    assert decide([said()], suppressed=NOW - 2 * DAY) == ("suppressed", 1)
    assert decide([said()], suppressed=NOW - 2 * DAY - 1) == ("consent", 1)
    assert decide([], 2, suppressed=NOW - 2 * DAY) == ("suppressed", None)
    assert decide([said()], 2, suppressed=NOW - 2 * DAY) == ("suppressed", None)
    assert decide([said(event_time=LATER, notice=None)], 2, suppressed=NOW - 2 * DAY) == ("legitimate_interest", None)
    assert decide([said(event_time=LATER, **WEB)], 2, suppressed=NOW - 2 * DAY) == ("suppressed", None)


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


def property_of(count: int) -> settings:
    """So many examples, however slow the machine is at making them."""
    return settings(max_examples=examples(count), deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
    channel=st.sampled_from([None, None, None, "web", "email"]),
    stop=st.sampled_from([None, None, None, None, "opt_out", "objection", "under_age", "platform"]),
    expression=st.sampled_from([None, "explicit", "implicit", "two_step"]),
    linked=st.sampled_from([False, False, False, True]),
).map(lambda e: replace(e, origin=e.subject_id * 10 + e.origin + 5 * e.linked))
HISTORIES = st.lists(EVENTS, max_size=12, unique_by=lambda e: e.event_id)
ASKED = {1: 0, 2: 1, 3: 2, 4: NO_RULE}
RELAXED = st.sampled_from([frozenset[str](), frozenset({"web"}), frozenset({"web", "email"})])
NOES = {"withdrawn", "refused", "terminated", "ended", "unanswered"} | set(STOPS.values())
SUPPRESSED = st.sampled_from([NEVER, NEVER, NOW - 3 * DAY])


def answers(events: Sequence[Said], at: int = NOW, relaxed: Collection[str] = (), suppressed: int = NEVER) -> pa.Table:
    asked = people(ASKED, suppressed=dict.fromkeys(ASKED, suppressed))
    return resolve(asked, history(events), TERMS, NOTICES, recipient="meta", at=at, relaxed=relaxed)


@property_of(100)
@given(HISTORIES, st.lists(st.integers(-15 * DAY, 15 * DAY), max_size=6), RELAXED, SUPPRESSED)
def test_decisions_stay_as_they_are_until_the_instant_that_they_name(
    events: list[Said], later: list[int], relaxed: frozenset[str], suppressed: int
) -> None:
    asked = people(ASKED, suppressed=dict.fromkeys(ASKED, suppressed))
    found = resolved(asked, history(events), TERMS, NOTICES, recipient="meta", at=NOW, relaxed=relaxed)
    assert found.holds_until > NOW
    for moment in (*(NOW + abs(one) for one in later), found.holds_until - 1):
        if moment < found.holds_until < FOREVER or found.holds_until == FOREVER > moment:
            assert answers(events, moment, relaxed, suppressed).equals(found.decisions)


@pytest.mark.parametrize(
    ("event", "until"),
    [
        pytest.param(said(event_time=NOW - DAY), NOW + 9 * DAY, id="its validity ends"),
        pytest.param(said(event_time=NOW - DAY, valid_until=NOW + 7), NOW + 7, id="it says until when"),
        pytest.param(said(event_time=NOW + 5), NOW + 5, id="it begins"),
        pytest.param(said(event_time=NOW - 30 * DAY), FOREVER, id="it has expired"),
        pytest.param(said("ConsentWithdrawn", event_time=NOW - DAY), FOREVER, id="a refusal lasts"),
    ],
)
def test_a_decision_says_when_it_next_changes_by_itself(event: Said, until: int) -> None:
    found = resolved(people({1: 0}), history([event]), TERMS, NOTICES, recipient="meta", at=NOW)
    assert found.holds_until == until
    if until < FOREVER:
        before, after = (decide([event], at=moment)[0] for moment in (until - 1, until))
        assert before != after


def asked(term: int, relaxed: frozenset[str] = frozenset(), suppressed: int = NEVER) -> Asked:
    since = float("-inf") if suppressed == NEVER else suppressed
    return Asked(TERMS[term] if term >= 0 else None, BOOK, NOW, relaxed=relaxed, suppressed=since)


def allowed(found: pa.Table) -> list[bool]:
    return [bool(each) for each in found["allowed"].to_pylist()]


def none_won(before: pa.Table, after: pa.Table) -> bool:
    return all(was or not now for was, now in zip(allowed(before), allowed(after), strict=True))


@property_of(120)
@given(HISTORIES, RELAXED, SUPPRESSED)
def test_it_answers_as_the_plain_model_does(events: list[Said], relaxed: frozenset[str], suppressed: int) -> None:
    expected = [
        answer([e for e in events if e.subject_id == one], asked(term, relaxed, suppressed))
        for one, term in ASKED.items()
    ]
    assert answers(events, relaxed=relaxed, suppressed=suppressed)["reason"].to_pylist() == expected


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
        channel=random.choice([None] * 9 + ["web", "email"]),
        stop=random.choice([None] * 12 + ["opt_out", "objection", "under_age", "platform"]),
        expression=random.choice([None, "explicit", "two_step"]),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_it_answers_for_thousands_as_the_plain_model_does_for_each(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's data
    events = [drawn(random, number) for number in range(1, 10_001)]
    terms = {one: [0, 1, 2, NO_RULE][one % 4] for one in range(1, 4_001)}
    by_person: dict[int, list[Said]] = {one: [] for one in terms}
    for event in events:
        by_person[event.subject_id].append(event)
    expected = [answer(by_person[one], asked(term)) for one, term in terms.items()]
    found = resolve(people(terms), history(events), TERMS, NOTICES, recipient="meta", at=NOW)["reason"].to_pylist()
    assert found == expected
    assert len(set(found)) > 20


def test_many_different_words_change_nothing() -> None:
    random = Random(3)  # noqa: S311 - a test's data
    events = [drawn(random, number) for number in range(1, 501)]
    mixed = [replace(e, notice=f"n{e.event_id}@1") if e.event_id % 2 else e for e in events]
    terms = {one: [0, 1, 2, NO_RULE][one % 4] for one in range(1, 4_001)}
    found = resolve(people(terms), history(mixed), TERMS, NOTICES, recipient="meta", at=NOW)["reason"].to_pylist()
    heard: dict[int, list[Said]] = {one: [] for one in terms}
    for event in mixed:
        heard[event.subject_id].append(event)
    assert found == [answer(heard[one], asked(term)) for one, term in terms.items()]


@property_of(30)
@given(HISTORIES, st.randoms(use_true_random=False))
def test_order_of_arrival_and_repetition_change_nothing(events: list[Said], random: Random) -> None:
    shuffled = [*events, *random.choices(events, k=3)] if events else []
    random.shuffle(shuffled)
    assert answers(shuffled).equals(answers(events))


@property_of(60)
@given(HISTORIES, EVENTS, RELAXED)
def test_one_more_refusal_never_turns_no_into_yes(events: list[Said], more: Said, relaxed: frozenset[str]) -> None:
    refusal = replace(more, event_id=0, state="ConsentWithdrawn")
    assert none_won(answers(events, relaxed=relaxed), answers([*events, refusal], relaxed=relaxed))


@property_of(40)
@given(HISTORIES, EVENTS.filter(lambda e: e.stop is not None), RELAXED)
def test_a_stop_beats_any_grant_whatever_its_time(events: list[Said], stop: Said, relaxed: frozenset[str]) -> None:
    others = [replace(e, stop=None) if e.yes else e for e in events]  # nobody takes it back
    refusal = replace(stop, event_id=0, state="ConsentRefused")
    found = answers([*others, refusal], relaxed=relaxed).filter(pc.equal(pa.array(list(ASKED)), stop.subject_id))
    assert found["reason"][0].as_py() in STOPS.values()


@property_of(40)
@given(HISTORIES)
def test_a_merge_never_widens(events: list[Said]) -> None:
    mine = [replace(e, subject_id=1, linked=False, origin=1 + e.subject_id % 2) for e in events]
    before = [answer([e for e in mine if e.origin == one], asked(0)) for one in (1, 2)]
    reason, _ = decide(mine)
    assert reason not in ALLOWED or any(was in ALLOWED for was in before)
    assert reason not in ALLOWED or not NOES & set(before)


@property_of(40)
@given(HISTORIES, HISTORIES)
def test_a_probable_link_never_widens(events: list[Said], theirs: list[Said]) -> None:
    own = [replace(e, linked=False, origin=e.subject_id) for e in events]
    linked = [replace(e, linked=True, origin=90 + e.subject_id, event_id=e.event_id + 10**7) for e in theirs]
    assert none_won(answers(own), answers([*own, *linked]))


@property_of(60)
@given(HISTORIES, SUPPRESSED)
def test_a_channel_never_grants(events: list[Said], suppressed: int) -> None:
    spoken = [e for e in events if e.channel is None]
    assert none_won(answers(spoken, suppressed=suppressed), answers(events, suppressed=suppressed))


@property_of(30)
@given(HISTORIES)
def test_a_relaxation_only_adds_people(events: list[Said]) -> None:
    assert none_won(answers(events, relaxed={"web"}), answers(events))


@property_of(40)
@given(HISTORIES)
def test_a_suppression_never_widens(events: list[Said]) -> None:
    assert none_won(answers(events), answers(events, suppressed=NOW - 3 * DAY))


@property_of(30)
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


@property_of(30)
@given(HISTORIES, st.integers(0, 30))
def test_who_was_never_asked_again_is_never_allowed_again(events: list[Said], days: int) -> None:
    past = [e for e in events if e.moment() <= NOW]
    now, later = answers(past)["allowed"].to_pylist(), answers(past, at=NOW + days * DAY)["allowed"].to_pylist()
    assert all(was or not is_ for was, is_ in zip(now, later, strict=True))


def test_every_reason_is_a_sentence_without_a_capital() -> None:
    assert all(text and text[0].islower() and not text.endswith(".") for text in REASONS.values())
