"""Hard stops by hand: an objection, an opt-out, a child; what lifts them; and the record that a person can be given."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.privacy.consent.receipt import ConsentRecord
from passerelle.workflows.verbs.consent import ReceiptResult, RecordedResult, ShowResult
from tests.canary import Canary
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

ZOE = Canary.make("stops")
WHO = f"{ZOE.email}\n".encode()
MINUTE = 60_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace where one person has agreed."""
    made = workspace(tmp_path_factory.mktemp("stops") / "shop")
    said(made, "record", 0, country="FR", notice="ads-2026@1", source="website", method="web_form")
    return made


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


def said(folder: Path, how: str, minutes: int, **words: Any) -> RecordedResult:  # noqa: ANN401 - words of a request
    found = ask(folder, f"consent {how}", stdin=WHO, now=NOW + minutes * MINUTE, **words)
    assert isinstance(found, RecordedResult)
    assert found.new
    return found


def reasons(folder: Path) -> set[str]:
    found = ask(folder, "consent show", stdin=WHO, now=NOW + 100 * MINUTE)
    assert isinstance(found, ShowResult)
    return {one.reason for one in found.today}


def test_an_objection_stands_until_it_is_taken_back(folder: Path) -> None:
    said(folder, "withdraw", 1, objection=True)
    assert reasons(folder) == {"objection"}
    said(folder, "record", 5, notice="ads-2026@1", source="website")
    said(folder, "record", 6, two_step=True)
    assert reasons(folder) == {"objection"}
    said(folder, "record", 10, take_back="objection")
    assert reasons(folder) == {"consent"}


def test_an_opt_out_stands_until_a_two_step_opt_in(folder: Path) -> None:
    said(folder, "withdraw", 1, opt_out=True, purpose="ad_list_matching")
    said(folder, "record", 5, notice="ads-2026@1", source="website")
    assert reasons(folder) == {"opt_out"}
    said(folder, "record", 10, two_step=True)
    assert reasons(folder) == {"consent"}


def test_a_child_is_kept_out_until_that_is_taken_back(folder: Path) -> None:
    said(folder, "withdraw", 1, under_age=True)
    assert reasons(folder) == {"under_age"}
    said(folder, "record", 10, take_back="under_age")
    assert reasons(folder) == {"consent"}


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("record", {"state": "refused", "two_step": True}),
        ("record", {"state": "withdrawn", "take_back": "objection"}),
        ("record", {"two_step": True, "take_back": "objection"}),
        ("withdraw", {"objection": True, "opt_out": True}),
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, verb: str, words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        said(folder, verb, 1, **words)


def test_what_lifts_a_stop_is_no_consent_and_ends_none(folder: Path) -> None:
    said(folder, "record", 5, notice="ads-2026@1")
    said(folder, "record", 6, take_back="platform")
    assert reasons(folder) == {"consent"}


def test_a_person_can_be_given_their_record(folder: Path) -> None:
    said(folder, "withdraw", 1, purpose="ad_list_matching")
    found = ask(folder, "consent receipt", stdin=WHO)
    assert isinstance(found, ReceiptResult)
    assert ZOE.email not in found.model_dump_json()
    record = ConsentRecord.model_validate(found.record)
    (under_notice, withdrawn) = record.pii_processing
    assert record.schema_version == "ISO/IEC TS 27560:2023"
    assert (under_notice.privacy_notice, under_notice.language, under_notice.jurisdiction) == ("ads-2026@1", "fr", "FR")
    assert [one.event_state for one in (*under_notice.events, *withdrawn.events)] == [
        "ConsentGiven",
        "ConsentWithdrawn",
    ]
    assert set(under_notice.recipient_third_parties) == {"meta", "google_ads"}
    assert "email" in under_notice.pii_information


def test_a_record_says_what_it_misses(folder: Path) -> None:
    found = ask(folder, "consent receipt", stdin=WHO)
    assert isinstance(found, ReceiptResult)
    assert "retention_period" in found.record["missing"]
    assert "controller" in found.advice
