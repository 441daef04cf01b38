"""Two platforms are sent to side by side."""

import subprocess

import pytest

from tests.end_to_end.shop import ShopWorkspace
from tests.waiting import until


@pytest.mark.parametrize(
    ("slow", "other"), [("meta.users.add", "data_manager.ingest"), ("data_manager.ingest", "meta.users.add")]
)
@pytest.mark.slow
def test_a_slow_platform_keeps_no_other_waiting(small: ShopWorkspace, slow: str, other: str) -> None:
    platform = "meta" if slow.startswith("meta") else "google_ads"
    small.twins.fault(call=slow, slow_seconds=8.0)
    with subprocess.Popen(small.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: small.twins.calls().get(slow))
        until(lambda: small.twins.calls().get(other))
        held = {where: count for (_, where), count in small.at_twins().items()}
        assert not held.get(platform), "the slow platform had finished before the other was asked"
        assert process.wait(60) == 0
    held = {where: count for (_, where), count in small.at_twins().items()}
    assert held["meta"] == held["google_ads"] > 0
