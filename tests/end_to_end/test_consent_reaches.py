"""Who reaches a platform: by every way that somebody without a valid decision could get there, and by right."""

import csv
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.end_to_end.shop import ShopWorkspace, pointed_at

pytestmark = pytest.mark.xdist_group("consent_reaches")

NOTICE = "ads-2026@1"
BOTH = {"meta", "google_ads"}


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def contact(key: str, ads: str = "oui", *, days: float = 30.0, **changed: str) -> dict[str, str]:
    """A row of the CRM: by default somebody who agreed a month ago."""
    row = {
        "customer_id": key,
        "civilite": "Mme",
        "prenom": f"Prénom{key}",
        "nom": f"Nom{key}",
        "email": f"{key.lower()}@example.com",
        "mobile": "",
        "naissance": "",
        "code_postal": "59000",
        "ville": "Lille",
        "pays": "France",
        "fidelite": "",
        "ads_consent": ads,
        "ads_consent_at": days_ago(days) if ads else "",
        "ads_notice": NOTICE if ads else "",
        "newsletter": "oui",
        "newsletter_at": "2026-01-05",
        "updated_at": days_ago(0.02),
        "supprime": "0",
    }
    return {**row, **changed}


def write(shop: ShopWorkspace, name: str, rows: Iterable[dict[str, str]]) -> None:
    """Another file of contacts beside the shop's own."""
    rows = list(rows)
    with (shop.folder / "data" / f"contacts_{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def reached(shop: ShopWorkspace, key: str) -> set[str]:
    """The platforms that hold this person's e-mail address."""
    wanted = hashlib.sha256(f"{key.lower()}@example.com".encode()).hexdigest()
    return {
        platform
        for platform in BOTH
        for audience in shop.twins.audiences(platform).values()
        if any(wanted in one for person in shop.twins.members(audience) for one in person)
    }


PHONES = [f"01 99 00 97 {number:02d}" for number in range(20)]
YES, NO = BOTH, set[str]()

CROWD: dict[str, tuple[list[dict[str, str]], dict[str, set[str]]]] = {
    "who agreed": ([contact("YES")], {"YES": YES}),
    "who refused": ([contact("NON", "non")], {"NON": NO}),
    "who withdrew": ([contact("RET", "retiré")], {"RET": NO}),
    "who was never asked": ([contact("MUM", "")], {"MUM": NO}),
    "who answered something else": ([contact("YEP", "yes")], {"YEP": NO}),
    "whose consent is too old": ([contact("OLD", days=731)], {"OLD": NO}),
    "whose consent is about to be too old": ([contact("AGING", days=729)], {"AGING": YES}),
    "whose consent is dated tomorrow": ([contact("MORROW", days=-1)], {"MORROW": NO}),
    "whose consent has no date": ([contact("WHEN", ads_consent_at="")], {"WHEN": NO}),
    "whose consent has no notice": ([contact("WHAT", ads_notice="")], {"WHAT": NO}),
    "whose notice nobody knows": ([contact("WHICH", ads_notice="ads-2027@9")], {"WHICH": NO}),
    "who lives where no rule is": ([contact("TEXAS", pays="États-Unis")], {"TEXAS": NO}),
    "whose country is no country": ([contact("LOST", pays="Ruritanie")], {"LOST": NO}),
    "whose country is not said": ([contact("HOME", pays="")], {"HOME": YES}),
    "who was deleted": ([contact("GONE", supprime="1")], {"GONE": NO}),
    "of two rows, one that says nothing": (
        [contact("TWICE"), contact("TWICE2", "", email="TWICE@example.com ")],
        {"TWICE": YES},
    ),
    "of two rows, a no and a later yes": (
        [contact("BUT1", "non", days=60, email="but@example.com"), contact("BUT2", days=5, email="but@example.com")],
        {"but": NO},
    ),
    "of two rows, a yes and a later no": (
        [contact("AND1", days=60, email="and@example.com"), contact("AND2", "non", days=5, email="and@example.com")],
        {"and": NO},
    ),
    "who shares a telephone with somebody who refused before": (
        [contact("SHE", "non", days=90, mobile=PHONES[0]), contact("HE", mobile=PHONES[0].replace(" ", ""))],
        {"SHE": NO, "HE": NO},
    ),
    "who shares a telephone with somebody who refused since": (
        [contact("HER", days=90, mobile=PHONES[1]), contact("HIM", "non", mobile="+33" + PHONES[1][1:])],
        {"HER": NO, "HIM": NO},
    ),
    "who shares a telephone with somebody who agreed too": (
        [contact("PAIR1", mobile=PHONES[2]), contact("PAIR2", mobile=PHONES[2])],
        {"PAIR2": YES},  # one person, whom Meta is sent by their latest address
    ),
    "whose namesake at the same address refused": (
        [contact("ELDER", prenom="Paul", nom="Martin"), contact("YOUNGER", "non", prenom="Paul", nom="Martin")],
        {"ELDER": YES, "YOUNGER": NO},
    ),
    "whose record is broken but says no": (
        [contact("BROKEN1", email="broken@example.com"), contact("BROKEN1", "non", email="broken@example.com", days=1,
                                                                updated_at="yesterday")],
        {"broken": NO},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd(pulled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorkspace]:
    """The shop with everybody of `CROWD` in it, synced."""
    folder = tmp_path_factory.mktemp("crowd") / "shop"
    shutil.copytree(pulled, folder)
    with in_process() as twins:
        shop = pointed_at(ShopWorkspace(folder, twins))
        write(shop, "crowd", [row for rows, _ in CROWD.values() for row in rows])
        shop.run("pull", "crm")
        shop.ok("sync")
        yield shop


@pytest.mark.parametrize("who", CROWD)
def test_at_the_platforms_are_those_who_may_be_and_no_others(crowd: ShopWorkspace, who: str) -> None:
    _, expected = CROWD[who]
    assert {key: reached(crowd, key) for key in expected} == expected
