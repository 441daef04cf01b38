"""`audit`: one command per question, read-only, without an identifier in any answer."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import delete, select, update

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose
from passerelle.workflows.intake import record_events, statements_of
from passerelle.workflows.verbs.audit.integrity import VerifyResult
from passerelle.workflows.verbs.audit.people import PersonResult, WhyResult
from passerelle.workflows.verbs.audit.sent import UnlawfulResult, UploadsResult, WithdrawalsResult
from passerelle.workflows.verbs.contract import Outcome, Result
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

ZOE = Canary.make("audit")
HOUR = 3_600_000_000
PLACE = Place("meta", "lapsing_champions")
SAID = {
    "email": ZOE.email,
    "country": "FR",
    "purpose": "ad_list_matching",
    "state": "given",
    "at": "2026-03-01T10:00:00Z",
    "notice": "ads-2026@1",
    "source": "website",
    "method": "web_form",
}


class Shop:
    """A workspace in which Zoé consented and was sent to Meta."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """The story so far."""
        workspace(self.folder)
        self.say(SAID, now=NOW - 9 * HOUR)
        with Workspace.open(self.folder) as opened, opened.store().write() as connection:
            ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            remote = Remote("77", ("EMAIL",), Destination.META, Purpose.AD_LIST_MATCHING)
            ledger.remember(connection, PLACE, remote, now=NOW - 8 * HOUR)
            batch = (
                opened.gate()
                .clear(
                    connection,
                    ids,
                    audience=PLACE.audience,
                    destination=Destination.META,
                    destination_name=PLACE.destination,
                    purpose=Purpose.AD_LIST_MATCHING,
                    now=NOW - 8 * HOUR,
                )
                .batch
            )
            rows = Personal(pa.table({"EMAIL": ["x"]}))
            opening = Opening("b1", "r1", PLACE, NOW - 8 * HOUR)
            ledger.intend_add(connection, opening, batch, rows, ids, columns=("EMAIL",))
            ledger.receive(connection, "b1", Told(True, 1, 0, 0, {"session": 1}, {}), now=NOW - 7 * HOUR)

    def say(self, *said: dict[str, str], now: int = NOW) -> None:
        with Workspace.open(self.folder) as opened:
            record_events(opened, statements_of(said), actor="test", now=now)

    def withdraw(self, *, now: int = NOW - 4 * HOUR) -> None:
        self.say({**SAID, "state": "withdrawn", "at": "2026-11-20T10:00:00Z"}, now=now)

    def take_out(self, *, now: int = NOW - 3 * HOUR) -> None:
        with Workspace.open(self.folder) as opened, opened.store().write() as connection:
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
            batch = ledger.removal_batch(connection, PLACE, Destination.META, ids)
            ledger.intend_removal(connection, Opening("b2", "r2", PLACE, now), batch)
            ledger.receive(connection, "b2", Told(True, 1, 0, 0, {}, {}), now=now + HOUR)

    def ask(self, question: str, *, stdin: bytes = b"", **words: Any) -> Result:  # noqa: ANN401 - words of a request
        result = ask(self.folder, f"audit {question}", stdin=stdin, **words)
        assert ZOE.email not in result.model_dump_json()
        return result

    def about_zoe(self, question: str, **words: Any) -> Result:  # noqa: ANN401 - words of a request
        return self.ask(question, stdin=f"{ZOE.email}\n".encode(), **words)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Shop(tmp_path_factory.mktemp("audit") / "shop")
    made.open()
    return made.folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Shop:
    return Shop(Path(shutil.copytree(template, tmp_path / "shop")))


def test_a_person_is_shown_with_everything_held_decided_and_sent(shop: Shop) -> None:
    result = shop.about_zoe("person")
    assert isinstance(result, PersonResult)
    assert result.identifiers == {"email": 1}
    assert result.subject["country"] == "FR"
    assert [event["state"] for event in result.events] == ["ConsentGiven"]
    assert [(one["allowed"], one["reason"]) for one in result.decisions] == [(True, "consent")]
    (sent,) = result.sent
    assert (sent["platform"], sent["action"], sent["state"]) == ("meta", "add", "settled")
    assert sent["intended_at"] == "2026-11-20T16:00:00Z"
    assert [one["state"] for one in result.memberships] == ["member"]
    assert result.owed == result.held_out == []


def test_a_removal_that_is_owed_stands_in_the_persons_file(shop: Shop) -> None:
    shop.withdraw()
    result = shop.about_zoe("person")
    assert isinstance(result, PersonResult)
    assert [one["cause"] for one in result.owed] == ["consent_withdrawn"]


def test_an_erased_person_is_shown_without_anything_that_was_held(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
        opened.subjects().forget(connection, ids, now=NOW)
        ref = connection.execute(select(t.subject.c.subject_ref)).scalar_one()
    result = shop.ask("person", subject_ref=ref)
    assert isinstance(result, PersonResult)
    assert result.identifiers == {}
    assert result.subject["erased_at"] == "2026-11-21T00:00:00Z"


def test_why_names_the_event_the_text_the_policy_and_the_size_of_the_log(shop: Shop) -> None:
    result = shop.about_zoe("why", audience="lapsing_champions", destination="meta")
    assert isinstance(result, WhyResult)
    assert result.answer["allowed"] is True
    assert result.event is not None
    assert result.event["at"] == "2026-03-01T10:00:00Z"
    assert result.notice is not None
    assert result.notice["notice"] == "ads-2026@1"
    assert result.notice["recipients"] == ["meta", "google_ads"]
    assert len(result.notice["digest"]) == 64
    assert result.policy["version"] == 1
    assert result.policy["log_size"] > result.policy["log_index"]
    assert result.recorded is not None
    assert result.recorded["reason"] == "consent"
    assert result.last_upload is not None
    assert result.last_upload["batch_id"] == "b1"


def test_why_then_is_answered_by_what_was_known_then(shop: Shop) -> None:
    shop.withdraw()
    words: dict[str, Any] = {"audience": "lapsing_champions", "destination": "meta"}
    today = shop.about_zoe("why", **words)
    then = shop.about_zoe("why", **words, at="2026-11-20T18:00:00Z")
    before = shop.about_zoe("why", **words, at="2026-03-02")
    assert isinstance(today, WhyResult)
    assert isinstance(then, WhyResult)
    assert isinstance(before, WhyResult)
    assert [one.answer["reason"] for one in (today, then, before)] == ["withdrawn", "consent", "no_consent_event"]
    assert before.last_upload is None
    assert before.event is None


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


def test_uploads_are_listed_and_narrowed(shop: Shop) -> None:
    shop.withdraw()
    shop.take_out()
    every = shop.ask("uploads")
    assert isinstance(every, UploadsResult)
    assert [(one["action"], one["purpose"], one["accepted"]) for one in every.uploads] == [
        ("add", "ad_list_matching", 1),
        ("remove", "ad_list_matching", 1),
    ]
    assert (every.rows, every.accepted) == (2, 2)
    narrowed: list[tuple[dict[str, Any], int]] = [
        ({"destination": "google"}, 0),
        ({"audience": "lapsing_champions", "destination": "meta"}, 2),
        ({"since": "2026-11-20T17:00:00Z"}, 1),
        ({"until": "2026-11-20T17:00:00Z"}, 1),
    ]
    for words, count in narrowed:
        found = shop.ask("uploads", **words)
        assert isinstance(found, UploadsResult)
        assert len(found.uploads) == count


def test_nobody_is_unlawful_until_somebody_withdraws_and_again_when_they_are_out(shop: Shop) -> None:
    def count() -> tuple[Outcome, int, int, int]:
        found = shop.ask("unlawful")
        assert isinstance(found, UnlawfulResult)
        return found.outcome, found.members, found.unlawful, found.owed

    assert count() == (Outcome.DONE, 1, 0, 0)
    shop.withdraw()
    assert count() == (Outcome.HELD_BACK, 1, 1, 1)
    shop.take_out()
    assert count() == (Outcome.DONE, 0, 0, 0)


def test_a_member_whom_no_recorded_decision_let_in_is_a_finding(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        connection.execute(delete(t.decision))
    found = shop.ask("unlawful")
    assert isinstance(found, UnlawfulResult)
    assert (found.outcome, found.unlawful, found.undecided) == (Outcome.HELD_BACK, 0, 1)


def test_latency_runs_from_hearing_the_no_to_the_platforms_receipt(shop: Shop) -> None:
    shop.withdraw(now=NOW - 4 * HOUR)
    waiting = shop.ask("withdrawals", sla=3)
    assert isinstance(waiting, WithdrawalsResult)
    assert (waiting.outcome, waiting.open, waiting.overdue) == (Outcome.HELD_BACK, 1, 1)
    assert waiting.oldest_open_hours == 4.0
    shop.take_out(now=NOW - 3 * HOUR)
    done = shop.ask("withdrawals", sla=3)
    assert isinstance(done, WithdrawalsResult)
    assert (done.outcome, done.confirmed, done.worst_hours, done.late, done.open) == (Outcome.DONE, 1, 2.0, 0, 0)
    late = shop.ask("withdrawals", sla=1)
    assert isinstance(late, WithdrawalsResult)
    assert (late.outcome, late.late) == (Outcome.HELD_BACK, 1)


def test_a_sound_log_verifies_and_a_changed_row_does_not(shop: Shop) -> None:
    sound = shop.ask("verify")
    assert isinstance(sound, VerifyResult)
    assert (sound.outcome, sound.problems) == (Outcome.DONE, [])
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        connection.execute(update(t.consent_event).values(state="RenewedConsentGiven"))
    broken = shop.ask("verify")
    assert isinstance(broken, VerifyResult)
    assert broken.outcome is Outcome.INTEGRITY_FAILURE
    assert broken.problems


def test_no_question_writes(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().read() as connection:
        before = opened.log().size(connection)
    for question in ("uploads", "unlawful", "withdrawals", "verify"):
        shop.ask(question)
    shop.about_zoe("person")
    shop.about_zoe("why", audience="lapsing_champions", destination="meta")
    with Workspace.open(shop.folder) as opened, opened.store().read() as connection:
        assert opened.log().size(connection) == before
