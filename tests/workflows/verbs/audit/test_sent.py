"""`audit person · why · uploads · unlawful · withdrawals · verify`: read-only, without an identifier in any answer."""

from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import delete, select, update

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.workflows.verbs.audit.integrity import VerifyResult
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.shop import HOUR, SAID, Shop

HERE: dict[str, Any] = {"audience": "lapsing_champions", "destination": "meta"}


def test_a_person_is_shown_with_everything_held_decided_and_sent(shop: Shop) -> None:
    result = shop.about_zoe("person")
    tables = result.tables
    assert result.facts["country"] == "FR"
    assert tables["identifiers"] == [{"field": "email", "values": 1}]
    assert [event["state"] for event in tables["events"]] == ["ConsentGiven"]
    assert [(one["allowed"], one["reason"]) for one in tables["decisions"]] == [(True, "consent")]
    assert [(one["destination"], one["allowed"]) for one in tables["standing"]] == [
        ("google_ads", True),
        ("meta", True),
    ]
    (sent,) = tables["sent"]
    assert (sent["platform"], sent["action"], sent["state"]) == ("meta", "add", "settled")
    assert sent["intended_at"] == "2026-11-20T16:00:00Z"
    assert [one["state"] for one in tables["memberships"]] == ["member"]
    assert (
        tables["owed"] == tables["held_out"] == tables["erasures"] == tables["probably_also"] == tables["stops"] == []
    )
    assert result.outcome is Outcome.DONE


def test_a_person_who_may_not_be_where_they_are_is_a_finding(shop: Shop) -> None:
    shop.withdraw()
    result = shop.about_zoe("person")
    assert [one["cause"] for one in result.tables["owed"]] == ["consent_withdrawn"]
    assert (result.outcome, result.findings[0]["count"]) == (Outcome.HELD_BACK, 1)


def test_a_persons_file_is_shown_as_it_was(shop: Shop) -> None:
    shop.withdraw()
    shop.take_out()
    before = shop.about_zoe("person", as_of="2026-11-20T15:30:00Z")
    between = shop.about_zoe("person", as_of="2026-11-20T18:00:00Z")
    now = shop.about_zoe("person")
    assert [len(one.tables["events"]) for one in (before, between, now)] == [1, 1, 2]
    assert [len(one.tables["sent"]) for one in (before, between, now)] == [0, 1, 2]
    assert [len(one.tables["memberships"]) for one in (before, between, now)] == [0, 1, 0]
    assert before.facts["decisions_replaced_since"] == 1


def test_an_erased_person_is_shown_without_anything_that_was_held(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
        opened.subjects().forget(connection, ids, now=NOW)
        ref = connection.execute(select(t.subject.c.subject_ref)).scalar_one()
    result = shop.ask("person", subject_ref=ref)
    assert result.tables["identifiers"] == []
    assert result.facts["erased_at"] == "2026-11-21T00:00:00Z"


def test_why_names_the_event_the_text_the_policy_and_the_size_of_the_log(shop: Shop) -> None:
    result = shop.about_zoe("why", **HERE)
    tables = {name: lines[0] for name, lines in result.tables.items()}
    assert result.facts["allowed"] is True
    assert tables["event"]["at"] == "2026-03-01T10:00:00Z"
    assert tables["notice"]["notice"] == "ads-2026@1"
    assert tables["notice"]["recipients"] == ["meta", "google_ads"]
    assert len(tables["notice"]["digest"]) == 64
    assert tables["policy"]["version"] == 1
    assert tables["policy"]["log_size"] > tables["policy"]["log_index"]
    assert tables["recorded"]["reason"] == "consent"
    assert tables["last_upload"]["batch_id"] == "b1"


@pytest.mark.parametrize("word", ["at", "as_of"])
def test_why_then_is_answered_by_what_was_known_then(shop: Shop, word: str) -> None:
    shop.withdraw()
    today = shop.about_zoe("why", **HERE)
    then = shop.about_zoe("why", **HERE, **{word: "2026-11-20T18:00:00Z"})
    before = shop.about_zoe("why", **HERE, **{word: "2026-03-02"})
    assert [one.facts["reason"] for one in (today, then, before)] == ["withdrawn", "consent", "no_policy_rule"]
    assert before.tables["last_upload"] == before.tables["event"] == []
    assert [one.outcome for one in (today, then)] == [Outcome.HELD_BACK, Outcome.DONE]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"audience": "lapsing_champion", "destination": "meta"}, "no such audience. Did you mean `lapsing_champions`"),
        ({"audience": "lapsing_champions", "destination": "mate"}, "no such destination. Did you mean `meta`"),
        ({"audience": "lapsing_champions", "destination": "meta", "at": "noon"}, "A time is written"),
    ],
)
def test_a_question_about_something_else_is_refused(shop: Shop, words: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        shop.about_zoe("why", **words)


def test_uploads_are_listed_with_their_basis_and_what_went_out(shop: Shop) -> None:
    shop.withdraw()
    shop.take_out()
    every = shop.ask("uploads")
    added, removed = every.tables["uploads"]
    assert (added["action"], added["purpose"], added["accepted"]) == ("add", "ad_list_matching", 1)
    assert added["basis"] == ["consent"]
    assert added["identifiers"] == {"email": "SHA-256"}
    assert (removed["action"], removed["accepted"], removed["basis"]) == ("remove", 1, [])
    assert (every.facts["rows"], every.facts["accepted"], every.outcome) == (2, 2, Outcome.DONE)


def test_uploads_are_narrowed_and_shown_as_they_were(shop: Shop) -> None:
    shop.withdraw()
    shop.take_out()
    narrowed: list[tuple[dict[str, Any], int]] = [
        ({"destination": "google"}, 0),
        (HERE, 2),
        ({"since": "2026-11-20T17:00:00Z"}, 1),
        ({"until": "2026-11-20T17:00:00Z"}, 1),
        ({"as_of": "2026-11-20T15:00:00Z"}, 0),
    ]
    for words, count in narrowed:
        assert len(shop.ask("uploads", **words).tables["uploads"]) == count
    (pending,) = shop.ask("uploads", as_of="2026-11-20T16:30:00Z").tables["uploads"]
    assert (pending["state"], pending["pending"], pending["settled_at"]) == ("accepted", 1, None)


def test_nobody_is_unlawful_until_somebody_withdraws_and_again_when_they_are_out(shop: Shop) -> None:
    def count(as_of: str | None = None) -> tuple[Outcome, int, int, int]:
        found = shop.ask("unlawful", as_of=as_of)
        return found.outcome, *(found.facts[name] for name in ("members", "unlawful", "owed"))

    assert count() == (Outcome.DONE, 1, 0, 0)
    shop.withdraw()
    assert count() == (Outcome.HELD_BACK, 1, 1, 1)
    shop.take_out()
    assert count() == (Outcome.DONE, 0, 0, 0)
    assert count("2026-11-20T18:00:00Z")[:3] == (Outcome.DONE, 1, 0)
    assert count("2026-11-20T20:30:00Z")[:3] == (Outcome.HELD_BACK, 1, 1)


def test_a_member_whom_no_recorded_decision_let_in_is_a_finding(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        connection.execute(delete(t.decision))
    found = shop.ask("unlawful")
    assert (found.outcome, found.facts["unlawful"], found.facts["undecided"]) == (Outcome.HELD_BACK, 0, 1)


def test_a_refusal_that_came_late_is_listed_and_makes_no_upload_wrong_by_what_was_known(shop: Shop) -> None:
    shop.say({**SAID, "state": "withdrawn", "at": "2026-11-20T10:00:00Z"}, now=NOW - 4 * HOUR)
    facts = shop.ask("unlawful").facts
    assert (facts["wrong_by_what_we_knew_then"], facts["wrong_by_what_we_know_now"]) == (0, 1)
    (late,) = shop.ask("unlawful").tables["late_refusals"]
    assert (late["said_at"], late["heard_at"], late["late_hours"]) == (
        "2026-11-20T10:00:00Z",
        "2026-11-20T20:00:00Z",
        10,
    )
    assert late["subject_ref"].startswith("s1")


def test_a_refusal_after_the_upload_is_not_late(shop: Shop) -> None:
    shop.say({**SAID, "state": "withdrawn", "at": "2026-11-20T19:00:00Z"}, now=NOW - 4 * HOUR)
    assert shop.ask("unlawful").facts["wrong_by_what_we_know_now"] == 0


def test_latency_runs_from_hearing_the_no_to_the_platforms_receipt(shop: Shop) -> None:
    def measure(sla: int) -> tuple[Outcome, dict[str, Any]]:
        found = shop.ask("withdrawals", sla=sla)
        return found.outcome, found.facts

    shop.withdraw(now=NOW - 4 * HOUR)
    outcome, facts = measure(3)
    assert (outcome, facts["open"], facts["overdue"]) == (Outcome.HELD_BACK, 1, 1)
    assert facts["oldest_open_hours"] == 4.0
    assert shop.ask("withdrawals").tables["open"][0]["cause"] == "withdrawn"
    shop.take_out(now=NOW - 3 * HOUR)
    outcome, facts = measure(3)
    assert (outcome, facts["confirmed"], facts["worst_hours"]) == (Outcome.DONE, 1, 2.0)
    assert (facts["late"], facts["open"]) == (0, 0)
    outcome, facts = measure(1)
    assert (outcome, facts["late"]) == (Outcome.HELD_BACK, 1)
    (cause,) = shop.ask("withdrawals").tables["causes"]
    assert (cause["cause"], cause["median_hours_to_ask"], cause["median_hours_to_confirm"]) == ("withdrawn", 1.0, 1.0)


def test_latency_is_measured_as_it_stood(shop: Shop) -> None:
    shop.withdraw(now=NOW - 4 * HOUR)
    shop.take_out(now=NOW - 3 * HOUR)
    then = shop.ask("withdrawals", as_of="2026-11-20T21:30:00Z")
    assert (then.facts["open"], then.facts["confirmed"]) == (1, 0)
    assert then.tables["open"][0]["asked_at"] == "2026-11-20T21:00:00Z"


def test_whoever_said_yes_again_before_they_were_out_is_not_waited_for(shop: Shop) -> None:
    shop.withdraw(now=NOW - 4 * HOUR)
    shop.say({**SAID, "at": "2026-11-20T21:00:00Z"}, now=NOW - 3 * HOUR)
    assert shop.ask("withdrawals").facts["open"] == 0


def test_a_removal_for_another_cause_answers_no_withdrawal(shop: Shop) -> None:
    shop.take_out()
    assert shop.ask("withdrawals").facts["confirmed"] == 0


def test_a_sound_log_verifies_and_a_changed_row_does_not(shop: Shop) -> None:
    sound = shop.result("verify")
    assert isinstance(sound, VerifyResult)
    assert (sound.outcome, sound.problems) == (Outcome.DONE, [])
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        connection.execute(update(t.consent_event).values(state="RenewedConsentGiven"))
    broken = shop.result("verify")
    assert isinstance(broken, VerifyResult)
    assert broken.outcome is Outcome.INTEGRITY_FAILURE
    assert broken.problems
