"""What was pulled becomes what segments read only as far as quality.yaml lets it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from passerelle.privacy.errors import HeldBack
from passerelle.workflows.pull import Seams
from passerelle.workflows.quality.gate import check_tables, last_checks
from passerelle.workflows.verbs.quality import checked_table
from tests.workflows.pulls import NOW, Shop, contact

HOUR = 3_600_000_000
ORDERS = [(n, f"C{n % 5}", f"2026-11-{n:02d}T10:00:00Z", f"{n}.00") for n in range(1, 11)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.contacts([contact(n) for n in range(5)])
    made.orders(*ORDERS)
    return made


def expect(workspace: Shop, /, **tables: Any) -> None:  # noqa: ANN401 - rules as YAML has them
    workspace.close()
    (workspace.folder / "quality.yaml").write_text(yaml.safe_dump({"version": 1, "tables": tables}), encoding="utf-8")


STOP: dict[str, Any] = {"rows": {"max_change": "50%", "severity": "stop"}}


def test_what_is_not_expected_stays_unseen_and_nothing_is_lost(shop: Shop) -> None:
    expect(shop, shop=STOP)
    assert shop.pull().error is None
    shop.orders(*((n, "C1", f"2026-11-15T10:{n:02d}:00Z", "5.00") for n in range(20, 50)))
    report = shop.pull(now=NOW + HOUR)
    assert isinstance(report.error, HeldBack)
    assert len(shop.lake("shop")) == 10
    [held] = last_checks(shop.open())
    assert (held.rows, held.let_through) == (40, False)
    assert "40 rows after 10" in held.findings[0].said

    assert isinstance(shop.pull(now=NOW + 2 * HOUR).error, HeldBack), "it waits until somebody decides"
    expect(shop, shop={"rows": {"max_change": "400%", "severity": "stop"}})
    [checked] = check_tables(shop.open(), now=NOW + 3 * HOUR)
    assert checked.let_through
    assert len(shop.lake("shop")) == 40


class Died(Exception):
    """The process is gone."""


def test_a_pull_that_dies_before_the_check_shows_nothing_new(shop: Shop) -> None:
    def die(step: str) -> None:
        if step == "lake settled":
            raise Died

    expect(shop, shop=STOP)
    shop.pull()
    shop.orders((11, "C1", "2026-11-15T10:00:00Z", "5.00"))
    with pytest.raises(Died):
        shop.pull("shop", now=NOW + HOUR, seams=Seams(fault=die))
    assert len(shop.lake("shop")) == 10
    assert shop.pull("crm", now=NOW + 2 * HOUR).error is None, "any pull looks at what waits"
    assert len(shop.lake("shop")) == 11


def test_a_warning_lets_through(shop: Shop) -> None:
    expect(shop, shop={"rows": {"at_least": 100}})
    report = shop.pull()
    assert report.error is None
    assert [each.severity for each in report.checked[0].findings] == ["warn"]
    assert len(shop.lake("shop")) == 10


def test_a_first_pull_that_is_held_back_shows_no_table_at_all(shop: Shop) -> None:
    expect(shop, shop={"rows": {"at_least": 100, "severity": "stop"}})
    assert isinstance(shop.pull().error, HeldBack)
    assert sorted(shop.open().lake().tables()) == ["crm"]
    expect(shop)
    assert sorted(shop.open().lake().tables()) == ["crm", "shop"]


def test_readers_see_what_was_repaired_and_the_lake_keeps_what_came(shop: Shop) -> None:
    shop.orders((11, "C1", "2026-11-11T10:00:00Z", "-3.00"), (12, "C1", "2026-11-12T10:00:00Z", ""))
    rules = {"possible": {"at_least": 0, "then": "flag"}, "missing": {"repair": {"constant": 1}}}
    expect(shop, shop={"columns": {"amount": rules}})
    shop.pull()
    told = shop.lake("shop", "amount", "amount_impossible", "amount_filled")
    assert (-300, True, False) in told
    assert (100, False, True) in told
    assert shop.open().lake().tables()["shop"].columns["amount_impossible"] == "boolean"
    expect(shop)
    assert (None,) in shop.lake("shop", "amount")


def test_the_next_pull_is_repaired_too_and_what_is_unchanged_is_not_looked_at_again(shop: Shop) -> None:
    expect(shop, shop={"columns": {"amount": {"possible": {"at_most": 11, "then": "quarantine"}}}})
    first = shop.pull().checked[0].at
    assert [each.at for each in check_tables(shop.open(), now=NOW + HOUR)] == [first]
    shop.orders((13, "C1", "2026-11-13T10:00:00Z", "13.00"), (14, "C1", "2026-11-14T10:00:00Z", "9.50"))
    assert shop.pull(now=NOW + HOUR).checked[0].at == NOW + HOUR
    assert (1300,) not in shop.lake("shop", "amount")
    assert (950,) in shop.lake("shop", "amount")


def test_a_person_who_is_erased_is_gone_from_what_waits_and_from_what_is_seen(shop: Shop) -> None:
    expect(shop, shop=STOP | {"columns": {"amount": {"missing": {"repair": "mean"}}}})
    shop.pull()
    shop.orders(*((n, "C1", f"2026-11-15T10:{n:02d}:00Z", "5.00") for n in range(20, 50)))
    shop.pull(now=NOW + HOUR)
    [(someone,), *_] = shop.lake("shop")
    lake = shop.open().lake()
    assert lake.forget(_ids(someone)) > 0
    assert (someone,) not in shop.lake("shop")
    waiting = lake.waiting("shop")
    assert waiting is not None
    assert not waiting.through
    everything = [path for path in (shop.folder / "var/lake/shop").glob("*.parquet") if _holds(path, someone)]
    assert everything == []


def test_unusable_identifiers_are_counted_and_never_told(shop: Shop) -> None:
    expect(shop, crm={"identifiers": {"email": {"unusable": "10%", "severity": "stop"}}})
    shop.contacts([contact(1), contact(2, email="nobody"), contact(3, email="   ")])
    report = shop.pull()
    [checked] = report.checked
    assert (checked.came["email"].given, checked.came["email"].unusable) == (2, 1)
    assert "1 of 2 cannot be used" in checked.findings[0].said
    assert "nobody" not in repr(checked)
    assert "nobody" not in (shop.folder / "var/lake/crm/manifest.json").read_text()
    assert isinstance(shop.pull(now=NOW + HOUR).error, HeldBack), "a pull without records forgives nothing"


def test_slips_are_told_by_domain_corrected_by_files_and_tied_when_the_dictionary_comes(shop: Shop) -> None:
    expect(shop, crm={"columns": {"tier": {"missing": {"at_most": "50%"}}}})
    slips = [contact(n, email=f"p{n}@gmial.com", tier="ro") for n in range(10)]
    rare = contact(10, email="p10@gmal.com")
    shop.contacts([*slips, rare, contact(11, email="p1@gmail.com", ads="retiré")])
    assert shop.pull().error is None
    [checked] = last_checks(shop.open())
    assert checked.slips == {"gmal.com": 1, "gmial.com": 10}
    told = checked_table(checked, {"gmial.com"})
    assert [(slip.domain, slip.meant, slip.in_dictionary) for slip in told.slips] == [("gmial.com", "gmail.com", True)]
    assert told.rare_slips == 1
    assert shop.rows("probable_link", "source") == []

    shop.close()
    (shop.folder / "tiers.csv").write_text("written,meant\nRo,or\n", encoding="utf-8")
    (shop.folder / "slips.csv").write_text("written,meant\ngmial.com,gmail.com\n\n", encoding="utf-8")
    tables = {"crm": {"columns": {"tier": {"corrections": "tiers.csv"}}}}
    said = {"version": 1, "tables": tables, "email_domains": "slips.csv"}
    (shop.folder / "quality.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    assert shop.pull(now=NOW + HOUR).error is None
    assert shop.rows("probable_link", "source") == [("spelling",)]
    assert {tier for (tier,) in shop.lake("crm", "tier")} == {"or"}
    assert last_checks(shop.open())[0].columns["tier"]["corrected"] == 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        ("gmial.com,gmail.com\n", "must begin with the line `written,meant`"),
        ("written,meant\ngmial.com\n", "Line 2 of the file"),
        ("written,meant\nhotmail.fr,hotmail.com\n", "a slip of another"),
    ],
)
def test_a_file_of_corrections_that_is_wrong_is_said_with_its_place(shop: Shop, content: str | None, said: str) -> None:
    shop.close()
    if content is not None:
        (shop.folder / "slips.csv").write_text(content, encoding="utf-8")
    (shop.folder / "quality.yaml").write_text("version: 1\nemail_domains: slips.csv\n", encoding="utf-8")
    error = shop.pull().error
    assert error is not None
    assert error.message.startswith("quality.yaml, line 2: ")
    assert said in error.message


def test_withdrawals_count_whatever_quality_says(shop: Shop) -> None:
    expect(shop, crm={"rows": {"at_least": 1000, "severity": "stop"}})
    shop.contacts([contact(n, ads="retiré") for n in range(5)])
    assert isinstance(shop.pull().error, HeldBack)
    assert {state for (state,) in shop.rows("consent_event", "state")} == {"ConsentWithdrawn"}


def test_a_wrong_file_lets_nothing_through_and_says_where(shop: Shop) -> None:
    shop.pull()
    expect(shop, shop={"columns": {"ammount": {"missing": {"at_most": "5%"}}}})
    shop.orders((60, "C1", "2026-11-15T10:00:00Z", "5.00"))
    error = shop.pull(now=NOW + HOUR).error
    assert error is not None
    assert error.outcome == "invalid"
    assert "quality.yaml, line" in error.message
    assert "amount" in error.message
    assert len(shop.lake("shop")) == 10
    shop.close()
    (shop.folder / "quality.yaml").write_text("version: 1\ntable: {}\n", encoding="utf-8")
    error = shop.pull(now=NOW + HOUR).error
    assert error is not None
    assert "quality.yaml, line 1: has no key `table`" in error.message
    assert len(shop.lake("shop")) == 10


def _ids(someone: int) -> Any:  # noqa: ANN401 - an Arrow array
    import pyarrow as pa

    return pa.array([someone])


def _holds(path: Path, someone: int) -> bool:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return "subject_id" in table.column_names and someone in table["subject_id"].to_pylist()
