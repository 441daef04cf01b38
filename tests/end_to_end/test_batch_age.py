"""Nobody is sent on a decision that waiting has made old: the batch is decided anew, with what was said meanwhile."""

import pytest

from passerelle.workflows.sync import push
from tests.end_to_end.rooms import MICROSECONDS, Rooms
from tests.end_to_end.shop import member

BUSY = {
    "meta": {"call": "meta.users.add", "graph": {"code": 2, "transient": True}},
    "google": {"call": "data_manager.ingest", "grpc": {"code": "RESOURCE_EXHAUSTED", "retry_seconds": 4}},
}
MINUTES = 60 * MICROSECONDS


def withdraws_while_waiting(rooms: Rooms, ref: str, minutes: int) -> None:
    """Every wait takes so long; the first time, somebody withdraws."""
    waited: list[int] = []

    def waits(_seconds: float) -> None:
        rooms.clock.slept += minutes * MINUTES
        if not waited:
            rooms.shop.ok("consent", "withdraw", "--subject-ref", ref)
        waited.append(minutes)

    rooms.clock.waits = waits


PLATFORMS = {"meta": "meta", "google": "google_ads"}


@pytest.mark.parametrize("destination", ["meta", "google"])
def test_who_withdraws_while_a_throttled_batch_waits_is_not_sent(rooms: Rooms, destination: str) -> None:
    (other,) = PLATFORMS.keys() - {destination}
    audience = rooms.shop.folder / "audiences" / "everybody.yaml"
    both = audience.read_text()
    audience.write_text(both.replace("{meta: {}, google: {}}", f"{{{other}: {{}}}}"))
    everybody = rooms.sync()[other].members
    ref = member(rooms.shop)
    audience.write_text(both)
    rooms.shop.twins.fault(**BUSY[destination])
    withdraws_while_waiting(rooms, str(ref), minutes=20)
    first = rooms.sync()[destination]
    platform = rooms.shop.at_twins()["everybody", PLATFORMS[destination]]
    if destination == "meta":  # its first try was not answered, so the next run decides
        assert (first.outcome, platform) == ("try_later", 0)
        first = rooms.sync()[destination]
    else:
        assert first.withheld["withdrawn"] >= 1
    assert first.outcome == "done"
    assert first.added == first.accepted - first.removed == everybody - 1
    assert rooms.shop.at_twins()["everybody", PLATFORMS[destination]] == everybody - 1
    states = rooms.rows("SELECT destination, state FROM batch WHERE action = 'add' ORDER BY intended_at")
    assert [state for where, state in states if where == destination] == ["superseded", "settled"]
    assert rooms.removals()[destination].members == everybody - 1


def test_a_short_wait_decides_nothing_anew(rooms: Rooms) -> None:
    rooms.shop.twins.fault(**BUSY["meta"])
    rooms.sync()
    assert rooms.rows("SELECT DISTINCT state FROM batch") == [("settled",)]


def test_a_platform_that_always_keeps_us_waiting_is_left_for_later_and_gets_nobody(rooms: Rooms) -> None:
    rooms.shop.twins.fault(times=0, **BUSY["google"])

    def waits(_seconds: float) -> None:
        rooms.clock.slept += push.DECISION_LASTS

    rooms.clock.waits = waits
    report = rooms.sync()["google"]
    assert report.outcome == "try_later"
    assert rooms.shop.twins.calls()["data_manager.ingest"] == push.DECISIONS
    assert rooms.shop.at_twins()["everybody", "google_ads"] == 0
