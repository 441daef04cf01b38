"""`consent`: what comes in by hand is recorded once; wrong lines are named without their values."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.intake import ConsentStatement, record_events, statements_of
from passerelle.workflows.verbs.consent import RecordedResult, ShowResult
from passerelle.workflows.verbs.consent_import import ImportRequest, ImportResult
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

ZOE = Canary.make("consent")
HEADER = "email;phone;country;purpose;state;at;notice;source;method"
GIVEN = f"{ZOE.email};;FR;ad_list_matching;given;2026-03-01T10:00:00Z;ads-2026@1;website;web_form"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = workspace(tmp_path_factory.mktemp("consent") / "shop")
    with Workspace.open(made) as opened:
        opened.store()
    return made


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


def lines(folder: Path, *rows: str, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def imported(folder: Path, *rows: str, name: str = "in.csv", **words: Any) -> ImportResult:  # noqa: ANN401 - words of a request
    result = ask(folder, "consent import", file=lines(folder, *rows, name=name), **words)
    assert isinstance(result, ImportResult)
    assert result.lines == result.new + result.known + result.refused
    assert ZOE.email not in result.model_dump_json()
    return result


def show(folder: Path, email: str = ZOE.email) -> ShowResult:
    result = ask(folder, "consent show", stdin=f"{email}\n".encode())
    assert isinstance(result, ShowResult)
    assert email not in result.model_dump_json()
    return result


def test_a_file_of_statements_makes_people_known_and_lets_them_be_sent(folder: Path) -> None:
    assert imported(folder, HEADER, GIVEN).new == 1
    seen = show(folder)
    assert [(event.state, event.grade, event.stream) for event in seen.events] == [("ConsentGiven", "A", "website")]
    assert {(one.destination, one.allowed, one.reason) for one in seen.today} == {
        ("meta", True, "consent"),
        ("google_ads", True, "consent"),
    }


def test_the_same_file_again_changes_nothing(folder: Path) -> None:
    imported(folder, HEADER, GIVEN)
    again = imported(folder, HEADER, GIVEN)
    assert (again.new, again.known, again.outcome) == (0, 1, Outcome.DONE)


def test_wrong_lines_are_named_and_the_others_go_in(folder: Path) -> None:
    result = imported(
        folder,
        HEADER,
        GIVEN,
        GIVEN.replace("2026-03-01T10:00:00Z", "01/03/2026"),
        GIVEN.replace("ad_list_matching", "anything"),
        GIVEN.replace(ZOE.email, ""),
        GIVEN.replace("given", "sure"),
        GIVEN.replace("website", ""),
    )
    assert result.new == 1
    assert result.outcome is Outcome.HELD_BACK
    assert {one.reason: one.lines for one in result.refusals} == {
        "bad_when": [3],
        "unknown_purpose": [4],
        "no_person": [5],
        "unknown_state": [6],
        "no_stream": [7],
    }


def test_a_withdrawal_counts_whatever_its_line_lacks(folder: Path) -> None:
    imported(folder, HEADER, GIVEN)
    result = imported(folder, HEADER, f"{ZOE.email};;;ad_list_matching;withdrawn;yesterday;no notice;website;")
    assert (result.new, result.withdrawals) == (1, 1)
    assert {one.reason for one in show(folder).today} == {"withdrawn"}


def test_json_lines_columns_by_another_name_and_defaults(folder: Path) -> None:
    said = {"mail": ZOE.email, "country": "France", "state": "ConsentGiven", "at": "2026-03-01", "recipients": ["meta"]}
    result = imported(
        folder,
        json.dumps(said),
        "not json",
        json.dumps({**said, "unheard": "of"}),
        json.dumps({**said, "at": 7}),
        json.dumps([said]),
        name="in.jsonl",
        map=["mail=email"],
        purpose="ad_list_matching",
        source="paper",
        notice="ads-2026@1",
        method="paper_form",
    )
    assert result.new == 1
    assert {one.reason: one.lines for one in result.refusals} == {"not_a_statement": [2, 3, 4, 5]}
    seen = show(folder)
    assert [(event.precision, event.stream, event.recipients) for event in seen.events] == [("day", "paper", "meta")]
    assert {(one.destination, one.reason) for one in seen.today} == {
        ("meta", "consent"),
        ("google_ads", "recipient_not_chosen"),
    }


@pytest.mark.parametrize(
    ("rows", "name", "said"),
    [
        ([f"email;{ZOE.email}", GIVEN], "in.csv", "column 2 is not a field"),
        (["email;emails", GIVEN], "in.csv", r"column 2 \(emails\) is not a field"),
        (["email;email", "a;b"], "in.csv", "two columns hold the same field"),
        (["email;state", f"{ZOE.email};given;more"], "in.csv", "a row cannot be read"),
        (["email"], "in.xlsx", "neither CSV nor JSON Lines"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_without_quoting_it(
    folder: Path, rows: list[str], name: str, said: str
) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        imported(folder, *rows, name=name)
    assert ZOE.email not in f"{caught.value} {caught.value.advice}"


def test_a_file_that_is_not_there_and_a_mapping_that_is_none(folder: Path) -> None:
    with pytest.raises(DefinitionError, match=r"There is no file none\.csv"):
        ask(folder, "consent import", file=folder / "none.csv")
    with pytest.raises(DefinitionError, match=r"There is no file none\.json"):
        ask(folder, "consent import", file=folder / "none.json", signal="brevo", source="letters")
    with pytest.raises(DefinitionError, match="COLUMN=FIELD"):
        imported(folder, HEADER, GIVEN, map=["email"])
    with pytest.raises(ValidationError):
        ImportRequest.model_validate({"file": "in.csv", "source": "Web Site"})


def test_one_person_consents_and_withdraws_from_everything(folder: Path) -> None:
    who = f"{ZOE.email}\n".encode()
    given = ask(folder, "consent record", stdin=who, country="FR", notice="ads-2026@1", source="shop")
    assert isinstance(given, RecordedResult)
    assert (given.new, given.withdrawals) == (1, 0)
    assert {one.allowed for one in show(folder).today} == {True}
    gone = ask(folder, "consent withdraw", subject_ref=given.subject_ref, now=NOW + 60_000_000)
    assert isinstance(gone, RecordedResult)
    assert (gone.subject_ref, gone.withdrawals, gone.queued) == (given.subject_ref, 1, 0)
    assert {one.reason for one in show(folder).today} == {"withdrawn"}
    assert len({event.purpose for event in show(folder).events}) == 7


def test_an_identifier_comes_from_a_file_and_a_phone_is_read_as_of_its_country(folder: Path) -> None:
    path = folder / "who"
    path.write_text("06 12 34 56 78\n", encoding="utf-8")
    result = ask(folder, "consent record", file=path, field="phone", notice="ads-2026@1")
    assert isinstance(result, RecordedResult)
    again = ask(folder, "consent withdraw", stdin=b"+33612345678", field="phone", purpose="ad_list_matching")
    assert isinstance(again, RecordedResult)
    assert again.subject_ref == result.subject_ref != ""


@pytest.mark.parametrize(
    ("stdin", "words", "said"),
    [
        (b"", {}, "One line with an identifier"),
        (b"\xff\n", {}, "not UTF-8"),
        (b"nobody@example.org", {}, "Nobody is known"),
        (b"", {"subject_ref": "s1" + "0" * 32}, "Nobody is known"),
        (b"", {"file": Path("not-there")}, "cannot be read"),
    ],
)
def test_somebody_who_is_not_named_or_not_known_is_not_shown(
    folder: Path, stdin: bytes, words: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said):
        ask(folder, "consent show", stdin=stdin, **words)


def test_a_person_is_named_in_one_way(folder: Path) -> None:
    with pytest.raises(ValidationError, match="not by both"):
        ask(folder, "consent show", subject_ref="s1", file="who")


def test_recording_is_all_or_nothing_for_the_signed_endpoint(folder: Path) -> None:
    good = {"email": ZOE.email, "purpose": "ad_list_matching", "state": "given", "source": "website"}
    with Workspace.open(folder) as opened:
        with pytest.raises(DefinitionError, match=r"Nothing was recorded\. Event 2: the purpose is none of"):
            record_events(opened, statements_of([good, {**good, "purpose": "?"}]), actor="web", now=NOW)
        found = record_events(opened, statements_of([good, {**good, "state": "refused"}]), actor="web", now=NOW)
        assert (found.new, found.known, found.withdrawals) == (2, 0, 1)
        assert record_events(opened, statements_of([good]), actor="web", now=NOW).known == 1


def test_events_of_another_shape_are_named_without_their_values() -> None:
    with pytest.raises(DefinitionError, match=r"number 1 \(unknown field\); 3 \(email\)") as caught:
        statements_of([{ZOE.email: "x"}, {"email": "a"}, {"email": 7}])
    assert ZOE.email not in str(caught.value)


def test_a_statement_does_not_show_who_said_it() -> None:
    said = ConsentStatement(email=ZOE.email, phone=ZOE.phone, external_id=ZOE.external_id)
    assert not any(value in f"{said!r} {said}" for value in (ZOE.email, ZOE.phone, ZOE.external_id))
