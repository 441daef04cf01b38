"""How a sync ends, and what it says: each outcome by its real cause, on real twins."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, member


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def row(result: dict[str, Any], destination: str) -> dict[str, Any]:
    return next(each for each in result["audiences"] if each["destination"] == destination)


def test_a_sync_ends_done_with_every_row_accounted(small: ShopWorkspace, cli: Cli) -> None:
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (0, "done")
    for each in result["audiences"]:
        assert each["sent"]["adds"] == each["accepted"] == each["members"] > 100
        assert each["rejected"] == each["pending"] == 0


def test_a_plan_says_what_a_sync_does_and_sends_nothing(small: ShopWorkspace, cli: Cli) -> None:
    code, plan = cli(small, "plan")
    assert code == 0
    assert small.at_twins() == {}
    _, result = cli(small, "sync")
    assert row(plan, "meta")["adds"] == row(result, "meta")["sent"]["adds"]
    assert row(plan, "meta")["withheld"] == row(result, "meta")["withheld"]


def test_a_kept_plan_is_carried_out_while_it_holds(small: ShopWorkspace, cli: Cli) -> None:
    file = str(small.folder / "plan.json")
    _, plan = cli(small, "plan", "--out", file)
    code, result = cli(small, "sync", "--plan", file)
    assert code == 0
    assert row(result, "google")["sent"]["adds"] == row(plan, "google")["adds"]


def test_a_kept_plan_that_no_longer_holds_is_refused(small: ShopWorkspace, cli: Cli) -> None:
    file = str(small.folder / "plan.json")
    cli(small, "plan", "--out", file)
    cli(small, "sync")
    code, result = cli(small, "sync", "--plan", file)
    assert (code, result["outcome"]) == (3, "held_back")
    assert "no longer holds" in result["message"]


def test_a_plan_that_was_changed_by_hand_is_refused(small: ShopWorkspace, cli: Cli) -> None:
    file = small.folder / "plan.json"
    cli(small, "plan", "--out", str(file))
    kept = json.loads(file.read_text())
    kept["places"][0]["withheld"] = {}
    file.write_text(json.dumps(kept))
    code, result = cli(small, "sync", "--plan", str(file))
    assert (code, result["outcome"]) == (3, "held_back")


def test_a_guard_holds_a_plan_back(small: ShopWorkspace, cli: Cli) -> None:
    edit(small.folder / "audiences" / "everybody.yaml", "minimum_size: 10,", "minimum_size: 5000,")
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (3, "held_back")
    assert row(result, "meta")["held_by"] == ["minimum_size"]
    assert small.at_twins() == {}


def test_what_a_platform_has_not_finished_is_pending_and_settles_by_status(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.clock(hold=True)
    code, result = cli(small, "sync", "--wait", "0")
    assert (code, result["outcome"]) == (5, "pending")
    assert row(result, "google")["pending"] == row(result, "google")["sent"]["adds"]
    small.twins.clock(release=True)
    code, status = cli(small, "status")
    assert (code, status["outcome"]) == (0, "done")
    assert all(each["pending"] == 0 for each in status["audiences"])


def test_stale_consent_stops_additions_and_lets_removals_out(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    edit(synced.folder / "policy.yaml", "crm: 24h", "crm: 1s")
    code, result = cli(synced, "sync")
    assert code == 0, "nobody was to be added, so nothing is held back"
    assert row(result, "meta")["sent"] == {"adds": 0, "removes": 1}


def test_nobody_is_added_while_consent_is_stale(small: ShopWorkspace, cli: Cli) -> None:
    edit(small.folder / "policy.yaml", "crm: 24h", "crm: 1s")
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (6, "consent_stale")
    assert small.at_twins() == {}


def test_a_dead_token_is_refused_with_advice(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.*", times=0, graph={"code": 190})
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (7, "refused")
    assert row(result, "meta")["advice"]
    assert row(result, "google")["outcome"] == "done"


def test_a_throttled_platform_is_tried_later_and_loses_nobody(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", times=0, graph={"code": 80003, "minutes": 7})
    code, result = cli(small, "sync")
    assert (code, result["outcome"], result["retryable"]) == (75, "try_later", True)
    assert result["wait_seconds"] == pytest.approx(420)
    small.twins.clear_faults()
    code, result = cli(small, "sync")
    assert code == 0
    assert {each["members"] for each in result["audiences"]} == set(small.at_twins().values())


def test_an_answer_that_never_came_is_settled_by_the_next_run(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", drop=True, applied=True)
    cli(small, "sync")
    code, result = cli(small, "sync")
    assert code == 0
    assert {each["members"] for each in result["audiences"]} == set(small.at_twins().values())


def test_a_place_that_another_run_holds_is_tried_later(synced: ShopWorkspace, cli: Cli) -> None:
    with Workspace.open(synced.folder) as workspace, workspace.store().exclusive("sync-meta-everybody"):
        code, result = cli(synced, "sync")
    assert (code, row(result, "meta")["outcome"]) == (75, "try_later")
    assert row(result, "google")["outcome"] == "done"
    assert row(result, "meta")["members"] == row(result, "google")["members"] > 0


def test_another_key_stops_before_anything_is_sent(small: ShopWorkspace, cli: Cli) -> None:
    key = small.folder / "keys" / "master.key"
    other = key.read_text()
    key.chmod(0o600)
    key.write_text(other[:-3] + ("00" if other[-3:-1] != "00" else "11") + "\n")
    key.chmod(0o400)
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (4, "integrity_failure")
    assert small.at_twins() == {}


def test_a_withdrawal_takes_the_person_out_everywhere(synced: ShopWorkspace, cli: Cli) -> None:
    before = synced.at_twins()
    _, withdrawn = cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    assert withdrawn["queued"] == 2
    code, result = cli(synced, "sync", "--removals-only")
    assert code == 0
    assert [each["sent"] for each in result["audiences"]] == [{"adds": 0, "removes": 1}] * 2
    assert synced.at_twins() == {place: count - 1 for place, count in before.items()}
    code, result = cli(synced, "sync")
    assert [each["sent"]["adds"] for each in result["audiences"]] == [0, 0]


def test_removals_go_out_for_an_audience_whose_file_is_gone(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    (synced.folder / "audiences" / "everybody.yaml").unlink()
    code, result = cli(synced, "sync", "--removals-only")
    assert code == 0
    assert sum(each["sent"]["removes"] for each in result["audiences"]) == 2


def test_a_removal_that_a_platform_refuses_stays_as_debt(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    synced.twins.fault(call="data_manager.remove", times=0, grpc={"code": "PERMISSION_DENIED"})
    code, _ = cli(synced, "sync", "--removals-only")
    assert code == 7
    synced.twins.clear_faults()
    _, status = cli(synced, "status")
    assert row(status, "google")["debt"]["people"] == 1
    code, _ = cli(synced, "sync", "--removals-only")
    assert code == 0
    _, status = cli(synced, "status")
    assert row(status, "google")["debt"] is None


def test_an_unknown_audience_is_answered_with_a_suggestion(small: ShopWorkspace, cli: Cli) -> None:
    code, result = cli(small, "plan", "everybod")
    assert (code, result["outcome"]) == (2, "invalid")
    assert "everybody" in result["message"]


def test_after_all_that_the_log_still_verifies(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    cli(synced, "sync", "--removals-only")
    assert cli(synced, "audit", "verify")[0] == 0
    assert cli(synced, "audit", "unlawful")[0] == 0


def ledger(shop: ShopWorkspace, destination: str) -> dict[str, int]:
    """How many people stand how there; of members, whose batch has no final receipt are `unsettled`."""
    statement = (
        "SELECT CASE WHEN m.state = 'member' AND b.state <> 'settled' THEN 'unsettled' ELSE m.state END, count(*)"  # noqa: S608
        f" FROM membership m LEFT JOIN batch b USING (batch_id) WHERE m.destination = '{destination}' GROUP BY 1"
    )
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        return {str(state): int(count) for state, count in connection.exec_driver_sql(statement)}


def test_people_of_an_unanswered_push_are_not_forgotten_when_the_next_is_refused(
    small: ShopWorkspace, cli: Cli
) -> None:
    small.twins.fault(call="meta.users.add", times=0, drop=True, applied=True)
    assert cli(small, "sync")[0] == 75
    small.twins.clear_faults()
    there = small.at_twins()["everybody", "meta"]
    small.twins.fault(call="meta.users.add", times=0, graph={"code": 190})
    assert cli(small, "sync")[0] == 7
    assert ledger(small, "meta") == {"unsettled": there}
    small.twins.clear_faults()
    cli(small, "consent", "withdraw", "--subject-ref", member(small))
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert small.at_twins()["everybody", "meta"] == there - 1


def test_a_push_that_was_not_answered_and_then_refused_is_uncertain(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", drop=True, applied=True)
    small.twins.fault(call="meta.users.add", nth=2, times=0, graph={"code": 190})
    code, result = cli(small, "sync")
    assert (code, row(result, "meta")["outcome"]) == (75, "try_later")
    assert ledger(small, "meta") == {"unsettled": small.at_twins()["everybody", "meta"]}


def test_who_withdrew_before_google_refused_them_is_not_owed_for_ever(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.*", times=0, graph={"code": 190})
    small.twins.fault(call="data_manager.ingest", times=0, drop=True)
    cli(small, "sync")
    ref = member(small, whatever_state=True)
    assert cli(small, "consent", "withdraw", "--subject-ref", ref)[1]["queued"] == 1
    small.twins.clear_faults()
    assert cli(small, "sync")[0] == 0
    _, status = cli(small, "status")
    assert row(status, "google")["debt"] is None


def test_a_lake_that_was_deleted_is_read_again_by_the_next_pull(small: ShopWorkspace, cli: Cli) -> None:
    _, before = cli(small, "plan")
    shutil.rmtree(small.folder / "var" / "lake")
    assert cli(small, "plan")[0] == 2
    assert cli(small, "pull")[0] in {0, 3}
    _, after = cli(small, "plan")
    assert row(after, "meta")["segment_size"] == row(before, "meta")["segment_size"]


def test_a_damaged_store_sends_nothing_and_says_so(small: ShopWorkspace, cli: Cli) -> None:
    (small.folder / "var" / "control.db").write_bytes(b"no database" * 1_000)
    code, result = cli(small, "sync")
    assert (code, result["outcome"]) == (4, "integrity_failure")
    assert small.at_twins() == {}
