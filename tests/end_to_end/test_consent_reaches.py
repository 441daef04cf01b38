"""Who reaches a platform: by every way that somebody without a valid decision could get there, and by right."""

import csv
import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.command import told
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, pointed_at
from tests.waiting import until

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
        told(shop.folder, "pull", "crm")
        shop.here("sync")
        yield shop


@pytest.mark.xdist_group("crowd")
@pytest.mark.parametrize("who", CROWD)
def test_at_the_platforms_are_those_who_may_be_and_no_others(crowd: ShopWorkspace, who: str) -> None:
    _, expected = CROWD[who]
    assert {key: reached(crowd, key) for key in expected} == expected


def pull(shop: ShopWorkspace, cli: Cli, *rows: dict[str, str], name: str = "more") -> dict[str, object]:
    """Write these contacts and pull; the result."""
    write(shop, name, rows)
    code, result = cli(shop, "pull", "crm")
    assert code in {0, 3}
    return result


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def withdraw(shop: ShopWorkspace, cli: Cli, key: str, *options: str) -> dict[str, object]:
    who = shop.folder / "who.txt"
    who.write_text(f"{key.lower()}@example.com\n")
    code, result = cli(shop, "consent", "withdraw", "--file", str(who), *options)
    assert code == 0
    return result


@contextmanager
def while_syncing(shop: ShopWorkspace, *calls: str) -> Iterator[None]:
    """The body happens while a sync, whose plan is made, waits for each of `calls`; then that sync ends well."""
    for call in calls:
        shop.twins.fault(call=call, slow_seconds=6.0)
    with subprocess.Popen(shop.command("sync"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until(lambda: all(shop.twins.calls().get(call) for call in calls))
        yield
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err[-800:]


@pytest.mark.slow
def test_who_withdraws_or_turns_out_to_be_another_between_plan_and_push_is_not_sent(
    small: ShopWorkspace, cli: Cli
) -> None:
    pull(small, cli, contact("LATE"), contact("ONE"), contact("OTHER", "non"), contact("STAYS"))
    with while_syncing(small, "meta.audiences.create", "data_manager.lists.create"):
        withdraw(small, cli, "LATE")
        pull(small, cli, contact("ONE", mobile=PHONES[5]), contact("OTHER", "non", mobile=PHONES[5]), name="same")
    assert {key: reached(small, key) for key in ("LATE", "ONE", "OTHER", "STAYS")} == {
        "LATE": NO,
        "ONE": NO,
        "OTHER": NO,
        "STAYS": YES,
    }


@pytest.mark.slow
def test_a_merge_between_plan_and_push_leaves_no_address_behind(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("FIRST"))
    assert cli(small, "sync")[0] == 0
    pull(small, cli, contact("SECOND"))
    with while_syncing(small, "meta.audience.get", "data_manager.lists.get"):
        pull(small, cli, contact("FIRST", mobile=PHONES[6]), contact("SECOND", mobile=PHONES[6]), name="same")
    assert cli(small, "sync")[0] == 0
    withdraw(small, cli, "SECOND")
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert reached(small, "FIRST") == reached(small, "SECOND") == NO


def test_who_turns_out_to_be_a_person_who_refused_is_taken_out(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("ALIAS", days=40), contact("SELF", "non", days=50))
    assert cli(small, "sync")[0] == 0
    assert reached(small, "ALIAS") == YES
    pull(small, cli, contact("ALIAS", days=40, email="self@example.com", updated_at=days_ago(0)), name="same")
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert reached(small, "ALIAS") == reached(small, "SELF") == NO


def test_once_withdrawn_stays_withdrawn_whatever_the_shop_says_again(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("BACK"))
    assert cli(small, "sync")[0] == 0
    assert withdraw(small, cli, "BACK")["queued"] == 2
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert cli(small, "pull", "crm", "--full")[0] in {0, 3}
    web = contact("BACK", updated_at=days_ago(0), ads_consent_at=days_ago(0))
    pull(small, cli, web, contact("BACK2", email="back@example.com", ads_consent_at=days_ago(0)), name="again")
    assert cli(small, "sync")[0] == 0
    assert reached(small, "BACK") == NO


def test_who_says_yes_again_where_they_withdrew_comes_back(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("CHANGED"))
    withdraw(small, cli, "CHANGED", "--at", days_ago(1))
    who = ("--file", str(small.folder / "who.txt"), "--purpose", "ad_list_matching")
    given = ("--state", "given", "--notice", NOTICE, "--method", "paper_form")
    assert cli(small, "consent", "record", *who, *given)[0] == 0
    assert cli(small, "sync")[0] == 0
    assert reached(small, "CHANGED") == YES


def test_who_withdraws_before_the_shop_knows_them_is_never_sent(small: ShopWorkspace, cli: Cli) -> None:
    withdraw(small, cli, "EARLY")
    pull(small, cli, contact("EARLY", ads_consent_at=days_ago(0)))
    assert cli(small, "sync")[0] == 0
    assert reached(small, "EARLY") == NO


def test_who_is_deleted_goes_and_comes_back_only_by_a_new_consent(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("GO", "non", days=80), contact("GO2", email="go2@example.com"))
    assert cli(small, "sync")[0] == 0
    gone = days_ago(0.01)
    pull(small, cli, *(contact(key, updated_at=gone, supprime="1") for key in ("GO", "GO2")), name="gone")
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert reached(small, "GO2") == NO
    again = {"updated_at": days_ago(0), "ads_consent_at": days_ago(0)}
    old = {"updated_at": days_ago(0)}
    pull(small, cli, contact("NEW1", email="go@example.com") | again, name="again")
    pull(small, cli, contact("NEW2", email="go2@example.com") | old, name="old")
    assert cli(small, "sync")[0] == 0
    assert (reached(small, "GO"), reached(small, "GO2")) == (YES, NO)


def test_a_notice_that_is_edited_afterwards_widens_nothing_and_stops_no_removal(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("READER"))
    notice = small.folder / "notices" / "ads-2026.yaml"
    edit(notice, "[meta, google_ads]", "[meta]")
    assert cli(small, "sync")[0] == 0
    before = small.at_twins()
    assert [platform for _, platform in before] == ["meta"]
    edit(notice, "[meta]", "[meta, google_ads]")
    assert cli(small, "sync")[0] == 2
    assert small.at_twins() == before
    withdraw(small, cli, "READER")
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert reached(small, "READER") == NO


def test_whose_consent_ends_goes_even_if_a_guard_holds_the_rest(synced: ShopWorkspace, cli: Cli) -> None:
    edit(synced.folder / "policy.yaml", "validity_days: 730", "validity_days: 300")
    segment = synced.folder / "segments" / "everybody.yaml"
    segment.write_text("segment: everybody\nwhere: {trait: orders_365d, at_least: 100000}\n")
    before = synced.at_twins()
    code, result = cli(synced, "sync")
    assert code == 3, "an empty segment is held back"
    assert all(each["held_by"] == ["empty_segment"] for each in result["audiences"])
    after = synced.at_twins()
    assert all(0 < after[place] < before[place] for place in before), "but nobody stays without a valid consent"


def test_a_kept_plan_sends_nobody_who_withdrew_since(small: ShopWorkspace, cli: Cli) -> None:
    pull(small, cli, contact("KEPT"))
    file = str(small.folder / "plan.json")
    assert cli(small, "plan", "--out", file)[0] == 0
    withdraw(small, cli, "KEPT")
    assert cli(small, "sync", "--plan", file)[0] == 3
    assert small.at_twins() == {}


def test_removals_of_an_audience_that_does_not_exist_are_refused(small: ShopWorkspace, cli: Cli) -> None:
    code, result = cli(small, "sync", "--removals-only", "everybodi")
    assert (code, result["outcome"]) == (2, "invalid")
