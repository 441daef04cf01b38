"""What breaks other systems in a whole sync: through the real SDKs, at both twins, with the ledger beside them."""

import pytest

from passerelle.workflows.sync.report import PlaceReport
from tests.end_to_end.conftest import Cli
from tests.end_to_end.rooms import Rooms
from tests.end_to_end.test_consent_reaches import contact, write

pytestmark = pytest.mark.xdist_group("peer_cases")


def there(rooms: Rooms) -> dict[str, int]:
    return {str(platform): count for (_, platform), count in rooms.shop.at_twins().items()}


def new(rooms: Rooms, cli: Cli, *rows: dict[str, str]) -> None:
    write(rooms.shop, "new", rows)
    assert cli(rooms.shop, "pull", "crm")[0] == 0


def somebody(rooms: Rooms) -> str:
    ((ref,),) = rooms.rows("SELECT min(subject_ref) FROM subject JOIN membership USING (subject_id)")
    return str(ref)


def test_of_a_batch_of_mixed_consent_only_those_who_agreed_are_sent(rooms: Rooms, cli: Cli) -> None:
    before = rooms.sync()
    new(rooms, cli, contact("YES"), contact("NO", "non"), contact("SILENT", ""), contact("ALSO"))
    after = rooms.sync()
    assert {name: (each.added, each.rejected) for name, each in after.items()} == {"meta": (2, 0), "google": (2, 0)}
    assert {each.members for each in after.values()} == {each.members + 2 for each in before.values()}
    assert set(there(rooms).values()) == {each.members for each in after.values()}


def test_additions_and_removals_of_one_run_both_take_effect(rooms: Rooms, cli: Cli) -> None:
    members = {name: each.members for name, each in rooms.sync().items()}
    new(rooms, cli, contact("COMES"), contact("TOO"))
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", somebody(rooms))[0] == 0
    after = rooms.sync()
    assert {(each.added, each.removed, each.outcome.value) for each in after.values()} == {(2, 1, "done")}
    assert {name: each.members for name, each in after.items()} == {name: n + 1 for name, n in members.items()}
    assert sorted(there(rooms).values()) == sorted(each.members for each in after.values())


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"call": "meta.users.remove", "times": 0, "http": {"status": 502, "body": "<html>no</html>"}}, "meta"),
        ({"call": "data_manager.remove", "times": 0, "grpc": {"code": "UNAVAILABLE"}}, "google"),
    ],
)  # fmt: skip
def test_a_removal_that_failed_is_owed_and_carried_out_by_the_next_run(
    rooms: Rooms, cli: Cli, fault: dict[str, object], name: str
) -> None:
    members = rooms.sync()[name].members
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", somebody(rooms))[0] == 0
    rooms.shop.twins.fault(**fault)
    failed = rooms.removals()[name]
    assert (failed.outcome.value, failed.debt, failed.accepted) == ("try_later", 1, 0)
    rooms.shop.twins.clear_faults()
    done = rooms.removals()[name]
    assert (done.outcome.value, done.debt, done.members) == ("done", 0, members - 1)


@pytest.mark.parametrize("code", [80003, 613])
def test_a_short_throttle_is_waited_for_and_the_run_ends_well(rooms: Rooms, code: int) -> None:
    rooms.shop.twins.fault(call="meta.users.add", graph={"code": code, "minutes": 1})
    report = rooms.sync()["meta"]
    assert (report.outcome.value, report.rejected, report.pending) == ("done", 0, 0)
    assert rooms.clock.slept >= 60_000_000
    assert there(rooms)["meta"] == report.members > 0


@pytest.mark.parametrize("code", [80003, 613])
def test_a_long_throttle_is_for_the_next_run_which_sends_what_is_left(rooms: Rooms, code: int) -> None:
    rooms.shop.twins.fault(call="meta.users.add", graph={"code": code, "minutes": 30})
    first: PlaceReport = rooms.sync()["meta"]
    assert (first.outcome.value, first.wait_seconds) == ("try_later", 1800.0)
    assert there(rooms)["meta"] == 0
    second = rooms.sync()["meta"]
    assert (second.outcome.value, there(rooms)["meta"]) == ("done", second.members)


def test_audience_size_too_low_is_removal_debt_until_the_platform_lets_them_go(rooms: Rooms, cli: Cli) -> None:
    members = rooms.sync()["meta"].members
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", somebody(rooms))[0] == 0
    rooms.shop.twins.set_meta(smallest=members)
    refused = rooms.removals()["meta"]
    assert (refused.outcome.value, refused.debt, refused.accepted) == ("refused", 1, 0)
    told = next(row for row in cli(rooms.shop, "status")[1]["audiences"] if row["destination"] == "meta")
    assert told["debt"]["refusals"] == {"AudienceTooSmall": 1}
    rooms.shop.twins.set_meta(smallest=0)
    gone = rooms.removals()["meta"]
    assert (gone.outcome.value, gone.debt, gone.members) == ("done", 0, members - 1)
    assert there(rooms)["meta"] == members - 1


def test_a_receipt_is_pending_until_google_says_how_it_ended(rooms: Rooms) -> None:
    rooms.shop.twins.clock(hold=True)
    sent = rooms.sync(patience=0)["google"]
    assert (sent.outcome.value, sent.accepted, sent.pending) == ("pending", 0, sent.added)
    rooms.shop.twins.clock(release=True)
    settled = rooms.sync()["google"]
    assert (settled.outcome.value, settled.added, there(rooms)["google_ads"]) == ("done", 0, settled.members)
