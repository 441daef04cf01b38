"""kill -9 in the middle of a sync, then again: the twins and the ledger agree."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from passerelle.connectors.twins.handle import in_process
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.shop import ShopWorkspace, made, only_audience

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]

MOMENTS = [
    ("meta.users.add", False),
    ("meta.users.add", True),
    ("data_manager.ingest", False),
    ("data_manager.ingest", True),
]


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorkspace]:
    with in_process() as twins:
        shop = made(tmp_path_factory.mktemp("kill") / "shop", twins, people=2_000)
        only_audience(shop, "everybody", "{any: [{trait: orders_365d, at_least: 0}, {trait: loyalty, missing: true}]}")
        shop.ok("pull")
        yield shop


def killed_at(shop: ShopWorkspace, call: str, *, applied: bool) -> None:
    """Begin a sync, and kill it while the platform takes its time with `call`."""
    shop.twins.fault(call=call, slow_seconds=3.0, applied=applied)
    before = shop.twins.calls().get(call, 0)
    with subprocess.Popen(shop.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while shop.twins.calls().get(call, 0) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
    shop.twins.clear_faults()


def ledger_counts(shop: ShopWorkspace) -> dict[str, int]:
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT r.platform, count(*) FROM membership m JOIN remote_audience r USING (destination, audience)"
            " WHERE m.state = 'member' GROUP BY 1"
        )
        return {str(platform): int(count) for platform, count in rows}


@pytest.mark.parametrize(("call", "applied"), MOMENTS)
def test_after_a_kill_the_next_run_ends_with_twins_and_ledger_equal(
    shop: ShopWorkspace, call: str, *, applied: bool
) -> None:
    killed_at(shop, call, applied=applied)
    result = shop.ok("sync")
    at_twins = {platform: count for (_, platform), count in shop.at_twins().items()}
    assert ledger_counts(shop) == at_twins
    assert {row["members"] for row in result["audiences"]} == set(at_twins.values())
    assert shop.ok("audit", "verify")["outcome"] == "done"


def batches(shop: ShopWorkspace) -> list[tuple[str, str]]:
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        rows = connection.exec_driver_sql("SELECT action, state FROM batch WHERE destination = 'google'")
        return [(str(action), str(state)) for action, state in rows]


def test_a_removal_that_google_had_accepted_when_the_process_died_is_settled_by_the_next(shop: ShopWorkspace) -> None:
    shop.ok("sync")
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        statement = "SELECT subject_ref FROM subject JOIN membership USING (subject_id) WHERE state = 'member' LIMIT 1"
        ref = str(connection.exec_driver_sql(statement).scalar_one())
    assert shop.ok("consent", "withdraw", "--subject-ref", ref)["queued"] == 2
    shop.twins.clock(hold=True)
    command = shop.command("sync", "--removals-only", "--wait", "600")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while ("remove", "accepted") not in batches(shop) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
    assert ("remove", "accepted") in batches(shop)
    shop.twins.clock(release=True)
    status = shop.ok("status")
    assert next(row["debt"] for row in status["audiences"] if row["destination"] == "google") is None
    assert ("remove", "accepted") not in batches(shop)
    shop.ok("sync", "--removals-only")
    assert ledger_counts(shop) == {platform: count for (_, platform), count in shop.at_twins().items()}
    assert shop.ok("audit", "verify")["outcome"] == "done"
