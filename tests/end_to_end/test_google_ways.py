"""A shop's sync to Google by each way there is: accounts add up, alarms are seen, forgotten requests are made again."""

import json
import re
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import subprocess_twins
from passerelle.connectors.twins.running import read_faults
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.verbs.contract import Outcome
from tests.end_to_end.rooms import Rooms

DAY = 86_400
WAYS = {"grpc": "", "rest": "    transport: rest\n", "jobs": "    route: offline_user_data_job\n"}


@pytest.fixture(params=sorted(WAYS))
def by(request: pytest.FixtureRequest, rooms: Rooms) -> Rooms:
    """The shop, whose people go to Google by one way."""
    settings = rooms.shop.folder / "passerelle.yaml"
    told = settings.read_text().replace("    kind: google_ads\n", f"    kind: google_ads\n{WAYS[request.param]}")
    if request.param == "rest":
        told = told.replace(rooms.shop.twins.google["data_manager"], rooms.shop.twins.google_rest["data_manager"])
    settings.write_text(told)
    return rooms


def audience(rooms: Rooms) -> str:
    return next(str(one["id"]) for one in rooms.shop.twins.state()["audiences"] if one["platform"] == "google_ads")


def summed(report: PlaceReport) -> int:
    return report.accepted + report.rejected + report.pending


def test_everybody_is_there_and_counted_once(by: Rooms) -> None:
    report = by.sync()["google"]
    assert report.outcome is Outcome.DONE
    assert summed(report) == report.added == report.accepted == report.members
    assert by.shop.twins.count(audience(by)) == report.members
    assert by.sync()["google"].added == 0


def test_a_bad_row_is_counted_once_and_set_aside(rooms: Rooms) -> None:
    bad = {"code": "INVALID_ARGUMENT", "reason": "INVALID_POSTAL_CODE", "field": "audience_members[2].composite_data"}
    rooms.shop.twins.fault(call="data_manager.ingest", grpc=bad)
    report = rooms.sync()["google"]
    assert (report.rejected, report.reasons) == (1, {"INVALID_POSTAL_CODE": 1})
    assert summed(report) == report.added
    assert rooms.shop.twins.count(audience(rooms)) == report.members == report.added - 1
    assert rooms.sync()["google"].added == 0


def test_what_could_not_be_tried_is_tried_by_the_next_run(rooms: Rooms) -> None:
    refusal = {"code": "INVALID_ARGUMENT", "reason": "INVALID_ARGUMENT"}
    rooms.shop.twins.fault(call="data_manager.ingest", grpc=refusal)
    rooms.shop.twins.fault(call="data_manager.ingest", nth=3, times=0, grpc=refusal)
    first = rooms.sync()["google"]
    rooms.shop.twins.clear_faults()
    assert first.rejected > 0
    assert summed(first) == first.added
    second = rooms.sync()["google"]
    assert second.added == first.reasons.get("not_sent", 0)


def test_a_consent_that_google_misses_ends_the_run_with_a_finding(rooms: Rooms) -> None:
    rooms.shop.twins.fault(call="data_manager.ingest", partial={"rows": [0], "reason": "NO_CONSENT"})
    report = rooms.sync()["google"]
    assert (report.outcome, report.reasons) == (Outcome.HELD_BACK, {"NO_CONSENT": 1})
    assert "NO_CONSENT 1" in report.problem


def test_what_google_notes_of_rows_it_took_is_told(rooms: Rooms) -> None:
    rooms.shop.twins.fault(call="data_manager.status", partial={"rows": [0], "reason": "INTERNAL_ERROR"})
    report = rooms.sync()["google"]
    assert (report.outcome, report.warnings, report.rejected) == (Outcome.DONE, {"INTERNAL_ERROR": 1}, 0)


def test_a_forgotten_request_is_made_again(rooms: Rooms) -> None:
    rooms.shop.twins.clock(hold=True)
    first = rooms.sync(patience=0)["google"]
    assert first.outcome is Outcome.PENDING
    rooms.shop.twins.clock(advance_seconds=51 * DAY, release=True)
    assert rooms.sync()["google"].outcome is Outcome.TRY_LATER
    again = rooms.sync()["google"]
    assert again.outcome is Outcome.DONE
    assert again.added == first.added
    assert rooms.shop.twins.count(audience(rooms)) == again.members


def test_the_rehearsal_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "google.md").read_text()
    (script,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "outage.json"
    file.write_text(script)
    assert len(read_faults(file)) == len(json.loads(script))
    with subprocess_twins("--faults", str(file)) as twins:
        assert twins.audiences() == {}


def test_a_removal_that_google_takes_and_does_not_carry_out_is_no_success(rooms: Rooms) -> None:
    rooms.sync()
    ((ref,),) = rooms.rows("SELECT min(subject_ref) FROM subject JOIN membership USING (subject_id)")
    rooms.shop.here("consent", "withdraw", "--subject-ref", str(ref))
    rooms.shop.twins.fault(call="data_manager.remove", partial={"rows": [0], "reason": "INTERNAL_ERROR"})
    failed = rooms.removals()["google"]
    assert (failed.outcome, failed.debt, failed.rejected) == (Outcome.TRY_LATER, 1, 1)
    again = rooms.removals()["google"]
    assert (again.outcome, again.debt, again.accepted) == (Outcome.DONE, 0, 1)
