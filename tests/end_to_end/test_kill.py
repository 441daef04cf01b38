"""kill -9 in the middle of a sync, then again: the twins and the ledger agree."""

import os
import signal
import subprocess
import time

import pytest

from passerelle.workflows.workspace import Workspace
from tests.end_to_end.shop import ShopWorkspace, member
from tests.waiting import until

pytestmark = pytest.mark.slow

MOMENTS = [
    ("meta.users.add", False),
    ("meta.users.add", True),
    ("data_manager.ingest", False),
    ("data_manager.ingest", True),
]


def killed_at(shop: ShopWorkspace, call: str, *, applied: bool) -> None:
    """Begin a sync, and kill it while the platform takes its time with `call`."""
    shop.twins.fault(call=call, slow_seconds=3.0, applied=applied)
    before = shop.twins.calls().get(call, 0)
    with subprocess.Popen(shop.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: shop.twins.calls().get(call, 0) > before)
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
    small: ShopWorkspace, call: str, *, applied: bool
) -> None:
    killed_at(small, call, applied=applied)
    result = small.here("sync")
    at_twins = {platform: count for (_, platform), count in small.at_twins().items()}
    assert ledger_counts(small) == at_twins
    assert {row["members"] for row in result["audiences"]} == set(at_twins.values())
    assert small.here("audit", "verify")["outcome"] == "done"


def batches(shop: ShopWorkspace) -> list[tuple[str, str]]:
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        rows = connection.exec_driver_sql("SELECT action, state FROM batch WHERE destination = 'google'")
        return [(str(action), str(state)) for action, state in rows]


def test_a_removal_that_google_had_accepted_when_the_process_died_is_settled_by_the_next(synced: ShopWorkspace) -> None:
    ref = member(synced)
    assert synced.here("consent", "withdraw", "--subject-ref", ref)["queued"] == 2
    synced.twins.clock(hold=True)
    command = synced.command("sync", "--removals-only", "--wait", "600")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: ("remove", "accepted") in batches(synced))
        os.kill(process.pid, signal.SIGKILL)
    synced.twins.clock(release=True)
    status = synced.here("status")
    assert next(row["debt"] for row in status["audiences"] if row["destination"] == "google") is None
    assert ("remove", "accepted") not in batches(synced)
    synced.here("sync", "--removals-only")
    assert ledger_counts(synced) == {platform: count for (_, platform), count in synced.at_twins().items()}
    assert synced.here("audit", "verify")["outcome"] == "done"
