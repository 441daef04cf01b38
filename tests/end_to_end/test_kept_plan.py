"""A plan that was kept is carried out only while it holds, whichever way it stopped holding; plans are compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from passerelle.workflows.plan.document import PlanFile
from tests.end_to_end.conftest import Cli
from tests.end_to_end.rooms import Rooms
from tests.end_to_end.shop import member
from tests.end_to_end.test_consent_reaches import contact, write
from tests.end_to_end.test_outcomes import edit, row


def audience(rooms: Rooms) -> Path:
    return rooms.shop.folder / "audiences" / "everybody.yaml"


def stops_holding(rooms: Rooms, cli: Cli, change: Callable[[Path], None]) -> str:
    """Keep a plan, let something change, and try to carry it out: what is said. Nobody is sent."""
    file = rooms.shop.folder / "plan.json"
    assert cli(rooms.shop, "plan", "--out", str(file))[0] == 0
    change(file)
    before = rooms.shop.at_twins()
    code, told = cli(rooms.shop, "sync", "--plan", str(file))
    assert (code, told["outcome"]) == (3, "held_back"), told
    assert rooms.shop.at_twins() == before
    return str(told["message"])


def rewritten(file: Path, **changed: object) -> None:
    """By somebody who knows how its hash is made."""
    plan = PlanFile.model_validate(json.loads(file.read_text()) | changed)
    file.write_text(plan.model_copy(update={"hash": plan.digest()}).model_dump_json())


def test_a_kept_plan_is_refused_whatever_changed_since(rooms: Rooms, cli: Cli) -> None:
    rooms.sync()
    ref = member(rooms.shop, whatever_state=True)

    def withdrawn(_file: Path) -> None:
        assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", ref)[0] == 0

    def pulled(_file: Path) -> None:
        write(rooms.shop, "new", [contact("NEW")])
        assert cli(rooms.shop, "pull", "crm")[0] == 0

    def with_another_destination(_file: Path) -> None:
        edit(audience(rooms), "{meta: {}}", "{meta: {}, google: {}}")

    def without_one(_file: Path) -> None:
        edit(audience(rooms), "{meta: {}, google: {}}", "{meta: {}}")

    def policy(_file: Path) -> None:
        edit(rooms.shop.folder / "policy.yaml", "crm: 24h", "crm: 23h")

    assert "no longer holds" in stops_holding(rooms, cli, withdrawn)
    assert "no longer holds" in stops_holding(rooms, cli, pulled)
    assert "everybody at google" in stops_holding(rooms, cli, without_one)
    assert "everybody at google" in stops_holding(rooms, cli, with_another_destination)
    assert "policy" in stops_holding(rooms, cli, policy)
    assert "changed after it was made" in stops_holding(
        rooms, cli, lambda file: edit(file, '"log_size": ', '"log_size": 1')
    )
    assert "log is shorter" in stops_holding(rooms, cli, lambda file: rewritten(file, log_size=10**6))
    assert "overrides maximum_change" in stops_holding(
        rooms, cli, lambda file: rewritten(file, approved=["maximum_change"])
    )
    assert "no longer holds" in stops_holding(rooms, cli, lambda file: rewritten(file, places=[]))


def test_a_plan_holds_within_its_hour_and_after_it(rooms: Rooms, cli: Cli) -> None:
    """Windows of the segment end where they ended when it was made: in the plan's hour, not at its second."""
    file = rooms.shop.folder / "plan.json"
    assert cli(rooms.shop, "plan", "--out", str(file))[0] == 0
    hour = 3_600_000_000
    made_at = json.loads(file.read_text())["made_at"]
    rewritten(file, made_at=made_at - made_at % hour + hour - 1)
    assert cli(rooms.shop, "sync", "--plan", str(file))[0] == 0


def test_two_plans_are_compared(rooms: Rooms, cli: Cli) -> None:
    old, new = (str(rooms.shop.folder / f"{name}.json") for name in ("old", "new"))
    assert cli(rooms.shop, "plan", "--out", old)[0] == 0
    write(rooms.shop, "new", [contact("NEW"), contact("NO", "non")])
    assert cli(rooms.shop, "pull", "crm")[0] == 0
    code, told = cli(rooms.shop, "plan", "--compare", old, "--out", new)
    assert code == 0
    meta: dict[str, Any] = row({"audiences": told["compared"]}, "meta")
    assert meta["adds"]["now"] == meta["adds"]["before"] + 1
    assert (meta["adds"]["more"], meta["adds"]["fewer"], meta["removes"]["more"]) == (1, 0, 0)
    assert sum(meta["withheld"].values()) == 1
    code, kept = cli(rooms.shop, "plan", "--kept", new, "--compare", old)
    assert code == 0
    assert kept["compared"] == told["compared"]
    assert (kept["hash"], kept["same_policy"]) == (told["hash"], True)
    code, back = cli(rooms.shop, "plan", "--kept", old, "--compare", new)
    assert row({"audiences": back["compared"]}, "google")["adds"]["fewer"] == 1
