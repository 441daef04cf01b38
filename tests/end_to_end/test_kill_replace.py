"""kill -9 in the middle of a replacement, then again: the twins and the ledger agree, and strangers are out."""

import os
import signal
import subprocess
import time

import pytest

from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_replace import agree, doubtful, in_small_batches, stranger, there
from tests.waiting import until

pytestmark = pytest.mark.slow

MOMENTS = [
    (call, nth, applied)
    for call, many in (
        ("meta.users.replace", (1, 2, 4)),
        ("data_manager.ingest", (1, 3)),
        ("data_manager.remove_all", (1, 3)),  # 1 and 2 only ask; 3 is the conclusion
    )
    for nth in many
    for applied in (False, True)
]

DRAWN = MOMENTS if os.environ.get("PASSERELLE_STRIKE") == "all" else MOMENTS[::3]
"""Each costs four syncs."""


@pytest.fixture
def shop(small: ShopWorkspace) -> ShopWorkspace:
    in_small_batches(small)
    small.here("sync")
    stranger(small, "meta")
    doubtful(small)
    return small


def killed_at(shop: ShopWorkspace, call: str, nth: int, *, applied: bool) -> None:
    """Begin a sync, and kill it while the platform takes its time with the `nth` such call."""
    shop.twins.fault(call=call, nth=nth, slow_seconds=3.0, applied=applied)
    goal = shop.twins.calls().get(call, 0) + nth
    with subprocess.Popen(shop.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: shop.twins.calls().get(call, 0) >= goal or process.poll() is not None, 90)
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
    shop.twins.clear_faults()
    time.sleep(3.0)  # the twin finishes what it had begun


@pytest.mark.parametrize(("call", "nth", "applied"), DRAWN)
def test_after_a_kill_in_a_replacement_the_next_run_ends_with_twins_and_ledger_equal(
    shop: ShopWorkspace, call: str, nth: int, *, applied: bool
) -> None:
    killed_at(shop, call, nth, applied=applied)
    shop.twins.clock(advance_seconds=91 * 60)  # Meta's session ends, with what was sent
    first = shop.here("sync")
    assert {each["outcome"] for each in first["audiences"]} == {"done"}
    shop.here("sync")  # where the first run had to do without Meta's normal state
    agree(shop)
    assert "person4711" not in str(there(shop, "meta"))
