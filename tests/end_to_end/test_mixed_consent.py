"""Ten thousand people of every kind of consent through both SDKs: who is at a twin is exactly who may be."""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.end_to_end.shop import ShopWorkspace, made, only_audience

PEOPLE = 10_000
PHONE = re.compile(r"(0|33|330|0033)[1-5]\d{8}")
ADDRESS = re.compile(r"[a-z0-9._-]+@[a-z0-9.-]+\.[a-z]+")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mixed_consent")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorkspace]:
    with in_process() as twins:
        shop = made(tmp_path_factory.mktemp("mixed") / "shop", twins, people=PEOPLE)
        only_audience(shop, "everybody", "{any: [{trait: orders_365d, at_least: 0}, {trait: loyalty, missing: true}]}")
        shop.ok("pull")
        yield shop


def contacts(shop: ShopWorkspace) -> list[dict[str, str]]:
    with (shop.folder / "data" / "contacts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def address(row: dict[str, str]) -> str | None:
    plain = row["email"].replace("\u00a0", "").strip().lower()
    return plain if ADDRESS.fullmatch(plain) else None


def agreed(row: dict[str, str]) -> bool:
    """The policy, written apart: yes, under the notice, within two years."""
    if row["ads_consent"] != "oui" or row["ads_notice"] != "ads-2026@1":
        return False
    at = datetime.fromisoformat(row["ads_consent_at"])
    return datetime.now(UTC) - at < timedelta(days=730)


def namesakes(rows: list[dict[str, str]]) -> int:
    """People known to Google by name and postal code alone, who share these with somebody else: one profile there."""
    keys = [
        (plain(row["prenom"]), plain(row["nom"]), row["code_postal"])
        for row in rows
        if agreed(row) and not address(row) and not PHONE.fullmatch(re.sub(r"\D", "", row["mobile"]))
    ]
    return len(keys) - len(set(keys))


def plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().lower()


def hashes(rows: list[dict[str, str]], *, willing: bool) -> set[str]:
    found = {address(row) for row in rows if agreed(row) is willing and not row["customer_id"].startswith("D")}
    return {hashlib.sha256(one.encode()).hexdigest() for one in found if one}


def keys_at(shop: ShopWorkspace, platform: str) -> set[str]:
    (audience,) = shop.twins.audiences(platform).values()
    return {key.partition(":")[2] for person in shop.twins.members(audience) for key in person}


def test_exactly_those_who_agreed_are_at_both_platforms(shop: ShopWorkspace) -> None:
    result = shop.here("sync")
    rows = contacts(shop)
    willing, unwilling = hashes(rows, willing=True), hashes(rows, willing=False)
    for row in result["audiences"]:
        platform = "meta" if row["destination"] == "meta" else "google_ads"
        keys = keys_at(shop, platform)
        assert willing <= keys
        assert not unwilling & keys
        there = next(count for (_, at), count in shop.at_twins().items() if at == platform)
        assert row["members"] == there + (namesakes(rows) if platform == "google_ads" else 0)
        assert row["sent"]["adds"] == row["accepted"] + row["rejected"] + row["pending"]


def test_the_same_run_again_uploads_nothing(shop: ShopWorkspace) -> None:
    shop.here("sync")
    before = dict(shop.twins.calls())
    result = shop.here("sync")
    assert [row["sent"] for row in result["audiences"]] == [{"adds": 0, "removes": 0}] * 2
    after = shop.twins.calls()
    uploads = [call for call in after if "add" in call or "ingest" in call or "remove" in call]
    assert uploads
    assert all(after[call] == before.get(call, 0) for call in uploads)


def test_no_identifier_stands_in_clear_in_the_workspace(shop: ShopWorkspace) -> None:
    needles = [one.encode() for row in contacts(shop)[:200] if (one := address(row))]
    for file in (shop.folder / "var").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [needle for needle in needles if needle in content], file.name
