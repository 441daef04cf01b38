"""Audiences that are drawn: by a split of their segment, by its holdout, by their own; and what is kept of it."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from passerelle.privacy.audit.entries import said
from passerelle.segmentation import holdout
from passerelle.workflows.experiments.readout import Question, readout
from tests.end_to_end.conftest import EVERYBODY, Cli
from tests.end_to_end.rooms import MICROSECONDS, Rooms
from tests.end_to_end.test_consent_reaches import contact, write

pytestmark = pytest.mark.xdist_group("experiments")


def segment(rooms: Rooms, more: str = "") -> None:
    (rooms.shop.folder / "segments" / "everybody.yaml").write_text(f"segment: everybody\nwhere: {EVERYBODY}\n{more}")


def audience(rooms: Rooms, name: str, more: str = "", least: int = 1) -> None:
    (rooms.shop.folder / "audiences" / f"{name}.yaml").write_text(
        f"audience: {name}\nsegment: everybody\npurpose: ad_list_matching\ndestinations: {{meta: {{}}}}\n"
        f"guards: {{minimum_size: {least}, maximum_change: null}}\n{more}"
    )


def people(rooms: Rooms, statement: str) -> set[int]:
    return {int(str(one)) for (one,) in rooms.rows(statement)}


def held(rooms: Rooms, name: str) -> set[int]:
    return people(rooms, f"SELECT subject_id FROM holdout WHERE audience = '{name}'")  # noqa: S608 - a name of ours


def sent(rooms: Rooms, name: str) -> set[int]:
    return people(rooms, f"SELECT subject_id FROM membership WHERE audience = '{name}' AND state = 'member'")  # noqa: S608


def drawn(ids: set[int], percent: int, salt: str) -> set[int]:
    order = pa.array(sorted(ids), pa.int64())
    return set(order.filter(holdout(order, Decimal(percent), salt)).to_pylist())


def test_splits_are_sent_apart_and_the_segments_holdout_to_nobody(rooms: Rooms, cli: Cli) -> None:
    audience(rooms, "everybody")
    rooms.sync()
    everybody = sent(rooms, "everybody")
    segment(rooms, "holdout: {percent: 20, salt: spring}\nsplits: {a: 40, b: 40}\n")
    audience(rooms, "first", "split: a\n")
    audience(rooms, "second", "split: b\n")
    rooms.sync()
    out = drawn(everybody, 20, "spring")
    assert held(rooms, "first") == held(rooms, "second") == out != set()
    assert sent(rooms, "first") == drawn(everybody, 60, "spring") - out
    assert sent(rooms, "first") | sent(rooms, "second") == everybody - out == sent(rooms, "everybody")
    with rooms.opened() as workspace, workspace.store().read() as connection:
        size = workspace.log().size(connection)
        bodies: list[dict[str, Any]] = [dict(entry.body) for entry in said(connection, "batch", below=size)]
    assert {(body["audience"], body.get("split")) for body in bodies if body["action"] == "add"} == {
        ("everybody", None), ("first", "a"), ("second", "b"),
    }  # fmt: skip
    asked = ("experiment", "readout", "first", "--measure", "orders_365d", "--against")
    _, told = cli(rooms.shop, *asked, "second")
    groups = {"first": len(sent(rooms, "first")), "second": len(sent(rooms, "second"))}
    assert {row["group"]: row["drawn"] for row in told["groups"]} == {
        name: size if size >= 10 else None for name, size in groups.items()
    }
    for other in ("everybody", "first"):
        code, told = cli(rooms.shop, *asked, other)
        assert (code, "two splits of one segment" in told["advice"]) == (2, True)


def test_who_may_not_be_sent_has_no_part_in_the_comparison(rooms: Rooms, cli: Cli) -> None:
    write(rooms.shop, "new", [contact(f"NO{n}", "non") for n in range(30)])
    assert cli(rooms.shop, "pull", "crm")[0] == 0
    audience(rooms, "everybody", "holdout: {percent: 50, salt: x}\n")
    report = rooms.sync()["meta"]
    denied = people(rooms, "SELECT subject_id FROM decision WHERE allowed = 0")
    assert drawn(denied, 50, "x"), "some of those who said no are drawn, too"
    assert len(held(rooms, "everybody")) == report.withheld["holdout"] > 0
    assert not held(rooms, "everybody") & denied


def test_nobody_is_held_out_of_what_a_guard_holds_back(rooms: Rooms) -> None:
    audience(rooms, "everybody", "holdout: {percent: 50, salt: x}\n", least=10_000)
    assert rooms.sync()["meta"].held_by == ("minimum_size",)
    assert held(rooms, "everybody") == set()
    audience(rooms, "everybody", "holdout: {percent: 50, salt: x}\n")
    rooms.sync()
    assert held(rooms, "everybody") == drawn(held(rooms, "everybody") | sent(rooms, "everybody"), 50, "x") != set()


def test_a_readout_compares_who_was_sent_with_who_was_held_out(rooms: Rooms, cli: Cli) -> None:
    audience(rooms, "everybody", "holdout: {percent: 50, salt: x}\n")
    rooms.clock.slept = -20 * 86_400 * MICROSECONDS  # twenty days ago
    rooms.sync()
    with rooms.opened() as workspace:
        asked = Question("everybody", ["orders_365d", "revenue_365d"], 14)
        found = readout(workspace, asked, now=time.time_ns() // 1000, minimum=1)
    assert found.groups.sizes() == found.drawn.sizes()
    assert found.drawn.sizes() == {"sent": len(sent(rooms, "everybody")), "held_out": len(held(rooms, "everybody"))}
    orders, revenue = (each.found for each in found.compared)
    for arm in ("sent", "held_out"):
        assert orders.after[arm].share == revenue.after[arm].share
        assert orders.before[arm].share.people == orders.after[arm].share.people == found.groups.sizes()[arm]
    assert sum(outcome.total for outcome in orders.after.values()) > 0
    code, told = cli(rooms.shop, "experiment", "readout", "everybody", "--measure", "orders_365d", "--days", "14")
    assert code == (3 if told["even"] < 0.001 else 0)
    assert [group["drawn"] for group in told["groups"]] == [*found.drawn.sizes().values()]
    assert (told["untold"] == ["orders_365d"]) != bool(told["measures"])
    _, told = cli(rooms.shop, "experiment", "readout", "everybody", "--measure", "orders_365d", "--days", "30")
    assert [group["measured"] for group in told["groups"]] == [0, 0], "nobody's thirty days are over"
    now = datetime.now(UTC).isoformat()
    code, told = cli(rooms.shop, "experiment", "readout", "everybody", "--measure", "orders_365d", "--since", now)
    assert (code, told["even"], told["untold"]) == (0, 1, ["orders_365d"])
    assert [group["drawn"] for group in told["groups"]] == [0, 0], "nobody was drawn since"
    assert cli(rooms.shop, "experiment", "readout", "everybody", "--measure", "ordres_365d")[0] == 2
    told = rooms.shop.here("segment", "report", "everybody", "--out", str(rooms.shop.folder / "page.html"))
    assert "What sending it changed" in told["sections"]


def test_an_experiment_without_a_draw_is_refused_with_advice(rooms: Rooms, cli: Cli) -> None:
    code, told = cli(rooms.shop, "experiment", "readout", "everybody", "--measure", "orders_365d")
    assert (code, "holdout:" in told["advice"]) == (2, True)
