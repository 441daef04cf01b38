"""The main job with the control store in PostgreSQL, as several hosts would share it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from passerelle.connectors.twins.handle import in_process
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import EVERYBODY
from tests.end_to_end.shop import ShopWorkspace, made, member, only_audience
from tests.end_to_end.test_replace import (
    DESTINATIONS,
    ROWS,
    STRANGER,
    doubtful,
    in_small_batches,
    later,
    stranger,
    there,
)
from tests.privacy.store.stores import fresh_url

pytestmark = pytest.mark.postgres


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopWorkspace]:
    for url in fresh_url("postgres", tmp_path):
        with in_process() as twins:
            shop = made(tmp_path / "shop", twins, people=600)
            only_audience(shop, "everybody", EVERYBODY)
            secret = shop.folder / "secrets" / "store.url"
            secret.write_text(url + "\n")
            secret.chmod(0o600)
            settings = shop.folder / "passerelle.yaml"
            told = settings.read_text()
            assert "store: var/control.db" in told
            settings.write_text(told.replace("store: var/control.db", "store: {url_file: secrets/store.url} "))
            yield shop


def test_the_main_job_runs_on_postgresql(shop: ShopWorkspace) -> None:
    shop.ok("pull")
    first = shop.ok("sync")
    assert {row["members"] for row in first["audiences"]} == set(shop.at_twins().values())
    again = shop.ok("sync")
    assert [row["sent"] for row in again["audiences"]] == [{"adds": 0, "removes": 0}] * 2
    shop.ok("consent", "withdraw", "--subject-ref", member(shop))
    removed = shop.ok("sync", "--removals-only")
    assert [row["sent"]["removes"] for row in removed["audiences"]] == [1, 1]
    assert shop.ok("audit", "verify")["outcome"] == "done"
    assert not (shop.folder / "var" / "control.db").exists()


def test_all_members_are_replaced_on_postgresql(shop: ShopWorkspace) -> None:
    in_small_batches(shop)
    shop.ok("pull")
    shop.ok("sync")
    shop.ok("consent", "withdraw", "--subject-ref", member(shop))
    ours = {name: len(there(shop, name)) - 1 for name in DESTINATIONS}
    for name in DESTINATIONS:
        stranger(shop, name)
    doubtful(shop)
    result = later(shop, 3)
    assert [(each.outcome, each.how, each.sent.removes) for each in result.audiences] == [("done", "replace", 1)] * 2
    assert {name: len(there(shop, name)) for name in DESTINATIONS} == ours
    assert STRANGER not in str([there(shop, name) for name in DESTINATIONS])
    parts = "destination, action, state, count(*), sum(rows) FROM batch WHERE action = 'replace' OR replacement <> ''"
    assert rows(shop, f"SELECT {parts} GROUP BY 1, 2, 3 ORDER BY 1, 2") == [
        (name, action, "settled", count, people)
        for name in sorted(DESTINATIONS)
        for action, count, people in (
            ("add", -(-ours[name] // ROWS), ours[name]),
            ("remove", 1, 1),
            ("replace", 1, 0),
        )
    ]
    assert rows(shop, "SELECT state, count(*) FROM membership WHERE state <> 'unsendable' GROUP BY 1") == [
        ("member", sum(ours.values()))
    ]
    assert rows(shop, "SELECT doubt FROM remote_audience") == [(None,), (None,)]
    assert rows(shop, "SELECT 1 FROM removal") == []
    assert shop.ok("audit", "verify")["outcome"] == "done"


def rows(shop: ShopWorkspace, statement: str) -> list[tuple[object, ...]]:
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]
