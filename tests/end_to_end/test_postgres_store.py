"""The main job with the control store in PostgreSQL, as several hosts would share it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.end_to_end.conftest import EVERYBODY
from tests.end_to_end.shop import ShopWorkspace, made, member, only_audience
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
            text = settings.read_text()
            assert "store: var/control.db" in text
            settings.write_text(text.replace("store: var/control.db", "store: {url_file: secrets/store.url} "))
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
