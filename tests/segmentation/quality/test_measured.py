"""What is measured, expected and repaired of a table, held against figures worked out by hand."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.segmentation.quality.expected import Came, Finding, judge
from passerelle.segmentation.quality.file import QualityFile, TableRules
from passerelle.segmentation.quality.measure import Measured, measure, psi
from passerelle.segmentation.quality.repair import repaired
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.wrong import Misdefined
from passerelle.workflows.settings.load import validated

NOW = 1_795_219_200_000_000
"""2026-11-21T00:00:00Z."""
COLUMNS = {"subject_id": "integer", "event": "string", "at": "timestamp", "amount": "money", "tier": "string"}
TYPES = {"integer": pa.int64(), "string": pa.string(), "timestamp": pa.timestamp("us", "UTC"), "money": pa.int64()}


class Table:
    """Rows in a Parquet file, and what is found in them. A row is (subject_id, at in days since NOW, amount, tier)."""

    def __init__(self, folder: Path, rows: Sequence[tuple[int, float, int | None, str | None]]) -> None:
        times = [int(NOW + row[1] * 86_400_000_000) for row in rows]
        own: list[Any] = [[row[0] for row in rows], ["purchase"] * len(rows), times]
        own += [[row[2] for row in rows], [row[3] for row in rows]]
        columns = {n: pa.array(v, TYPES[k]) for (n, k), v in zip(COLUMNS.items(), own, strict=True)}
        keys = {"_key": pa.array([str(n).encode() for n in range(len(rows))], pa.binary())}
        versions = {"_version": pa.array([None] * len(rows), pa.int64())}
        pq.write_table(pa.table(keys | versions | columns), folder / "rows.parquet")
        self.subject = Subject("orders", "event", COLUMNS, [folder / "rows.parquet"])
        self.db = duckdb.connect(":memory:")
        self.db.execute("SET TimeZone = 'UTC'")

    def measured(self, before: Any = None, **columns: Any) -> Measured:  # noqa: ANN401 - rules as YAML has them
        self.rules = validated(TableRules, {"columns": columns})
        return measure(self.db, self.subject, self.rules, before=before or {}, now=NOW)

    def repaired(self, **columns: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - rules as YAML has them
        found = self.measured(**columns)
        query = repaired(self.subject, self.rules, found, timezone="Europe/Paris", now=NOW)
        assert query is not None
        rows = self.db.sql(f"SELECT * FROM ({query}) ORDER BY CAST(CAST(_key AS VARCHAR) AS INTEGER)")  # noqa: S608
        return [
            {k: v for k, v in row.items() if k not in {"_key", "_version"}} for row in rows.to_arrow_table().to_pylist()
        ]


def amounts(*values: int | None) -> list[tuple[int, float, int | None, str | None]]:
    return [(1, -n - 1.0, value, "or") for n, value in enumerate(values)]


def test_the_population_stability_index_is_the_published_sum() -> None:
    by_hand = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert psi([50, 50], [60, 40]) == pytest.approx(by_hand, abs=1e-6) == pytest.approx(0.040547, abs=1e-6)
    assert psi([1, 1], [100, 100]) == 0
    assert psi([10, 0], [0, 10]) == pytest.approx(2 * (1 - 1e-4) * math.log(1e4), abs=1e-3)


def test_tukeys_fences_are_one_and_a_half_ranges_outside_the_quartiles(tmp_path: Path) -> None:
    table = Table(tmp_path, amounts(100, 200, 300, 400, 500, 600, 700, 2000))
    figures = table.measured(amount={"outliers": {"iqr": 1.5}}).columns["amount"]
    assert (figures.low, figures.high, figures.outliers) == (275 - 1.5 * 350, 625 + 1.5 * 350, 1)


def test_a_z_score_is_in_standard_deviations_of_a_sample(tmp_path: Path) -> None:
    figures = Table(tmp_path, amounts(2, 4, 4, 4, 5, 5, 7, 9)).measured(amount={"outliers": {"z_score": 1.5}})
    deviation = math.sqrt(32 / 7)
    found = figures.columns["amount"]
    assert found.high == pytest.approx(5 + 1.5 * deviation)
    assert found.outliers == 1


def test_impossible_amounts_and_moments_are_counted_and_are_no_part_of_the_statistics(tmp_path: Path) -> None:
    rows = [(1, -1.0, -500, "or"), (1, -2.0, 1000, "or"), (1, 30.0, 2000, None), (1, -60_000.0, 10**9, "or")]
    found = Table(tmp_path, rows).measured(
        amount={"possible": {"at_least": 0, "at_most": 1000}, "missing": {"repair": "mean"}},
        at={"possible": {"not_before": "1900-01-01", "future": False}},
        tier={"missing": {"at_most": "10%"}},
    )
    assert (found.columns["amount"].impossible, found.columns["amount"].middle) == (2, 1500)
    assert found.columns["at"].impossible == 2
    assert found.columns["tier"].missing == 1


@pytest.mark.parametrize(
    ("then", "left"),
    [
        ("flag", [(-500, True), (100, False), (None, False)]),
        ("clip", [(0, True), (100, False), (None, False)]),
        ("blank", [(None, True), (100, False), (None, False)]),
        ("quarantine", [(100, None), (None, None)]),
    ],
)
def test_what_becomes_of_an_impossible_amount(
    tmp_path: Path, then: str, left: list[tuple[int | None, bool | None]]
) -> None:
    rows = Table(tmp_path, amounts(-500, 100, None)).repaired(amount={"possible": {"at_least": 0, "then": then}})
    assert [(row["amount"], row.get("amount_impossible")) for row in rows] == left


def test_an_outlier_is_flagged_and_stays(tmp_path: Path) -> None:
    table = Table(tmp_path, amounts(100, 110, 120, 130, 9000))
    rows = table.repaired(amount={"outliers": {"iqr": 3, "then": "flag"}})
    assert [row["amount_outlier"] for row in rows] == [False] * 4 + [True]
    clipped = table.repaired(amount={"outliers": {"iqr": 3, "then": "clip"}})
    assert [row["amount"] for row in clipped] == [100, 110, 120, 130, 130 + 3 * 20]


@pytest.mark.parametrize(
    ("repair", "filled"), [("mean", 40), ("median", 20), ({"constant": 7.5}, 750)], ids=["mean", "median", "constant"]
)
def test_what_stands_where_there_is_no_amount(tmp_path: Path, repair: object, filled: int) -> None:
    rows = Table(tmp_path, amounts(10, 20, 90, None)).repaired(amount={"missing": {"repair": repair}})
    assert [(row["amount"], row["amount_filled"]) for row in rows][2:] == [(90, False), (filled, True)]


def test_linear_repair_follows_the_line_between_a_persons_own_events(tmp_path: Path) -> None:
    rows = [
        (1, -40.0, 100, None),
        (1, -30.0, None, None),
        (1, 0.0, 500, None),
        (1, -50.0, None, None),
        (2, -35.0, 9, None),
    ]
    found = Table(tmp_path, rows).repaired(amount={"missing": {"repair": "linear"}})
    assert [row["amount"] for row in found] == [100, 200, 500, None, 9]


def test_a_column_above_its_share_is_left_out(tmp_path: Path) -> None:
    rows = Table(tmp_path, amounts(1, None, None)).repaired(amount={"missing": {"repair": "mean", "drop_above": "50%"}})
    assert all("amount" not in row and "amount_filled" not in row for row in rows)


def test_drift_is_seen_against_the_bins_of_the_run_before(tmp_path: Path) -> None:
    rule = {"drift": {"psi": 0.25}}
    first = Table(tmp_path, amounts(*range(1, 101))).measured(amount=rule).columns["amount"]
    before = {"amount": {"edges": first.edges, "bins": first.bins, "words": []}}
    assert first.bins == [10] * 10
    assert Table(tmp_path, amounts(*range(1, 101))).measured(before, amount=rule).columns["amount"].psi == 0
    moved = Table(tmp_path, amounts(*range(51, 151))).measured(before, amount=rule).columns["amount"].psi
    assert moved is not None
    assert moved > 0.25


def test_every_expectation_can_fail_and_says_how_much() -> None:
    rules = validated(
        TableRules,
        {
            "rows": {"at_least": 10, "max_change": "20%", "severity": "stop"},
            "identifiers": {"email": {"unusable": "5%"}},
            "columns": {"amount": {"missing": {"at_most": "10%", "max_change": "5%"}, "drift": {"psi": 0.1}}},
        },
    )
    found = Measured(rows=8)
    found.columns["amount"] = figures = Measured().columns.setdefault("amount", _figures(missing=4, psi=0.3))
    before = {"rows": 20, "columns": {"amount": {"missing": 1}}}
    said = judge("orders", rules, found, before=before, came={"email": Came(10, 2)})
    assert [(each.column, each.check, each.severity) for each in said] == [
        ("", "rows", "stop"),
        ("", "rows", "stop"),
        ("email", "format", "warn"),
        ("amount", "missing", "warn"),
        ("amount", "missing", "warn"),
        ("amount", "drift", "warn"),
    ]
    assert said[1] == Finding(
        "orders", "", "rows", "stop", "8 rows after 20: 60% changed; 20% is expected at most.", said[1].advice
    )
    assert figures.missing == 4
    assert judge("orders", validated(TableRules, {}), found, before=before, came={}) == []


def _figures(**given: Any) -> Any:  # noqa: ANN401 - a test's figures
    from passerelle.segmentation.quality.measure import ColumnFigures

    return ColumnFigures(**given)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ammount": {}}, "no column `ammount`"),
        ({"tier": {"outliers": {"iqr": 1.5}}}, "Only numbers"),
        ({"amount": {"possible": {"future": False}}}, "not of one sort"),
        ({"tier": {"missing": {"repair": "mean"}}}, "has no mean"),
        ({"amount": {"corrections": {"a": "b"}}}, "Only texts"),
        ({"event": {"corrections": {"a": "b"}}}, "Events need it"),
        ({"subject_id": {}}, "no column"),
        ({"at": {"possible": {"future": False, "then": "blank"}}}, "Events need it"),
    ],
)
def test_a_rule_that_does_not_fit_its_column_is_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(Misdefined, match=said) as raised:
        Table(tmp_path, amounts(1)).measured(**columns)
    assert raised.value.document == "quality.yaml"
    assert raised.value.path[:3] == ("tables", "orders", "columns")


VALUES = st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), max_size=30)


@settings(max_examples=4)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("order")
    rules: dict[str, Any] = {
        "amount": {"outliers": {"iqr": 1.5, "then": "flag"}, "missing": {"repair": "mean"}, "drift": {"psi": 0.2}}
    }
    rows = amounts(*values)
    one = Table(folder, rows).measured(**rules)
    chance.shuffle(rows)
    assert Table(folder, rows).measured(**rules) == one
    assert one.columns["amount"].missing == sum(value is None for value in values)


def test_slips_become_what_was_meant_and_are_flagged(tmp_path: Path) -> None:
    rows: list[tuple[int, float, int | None, str | None]] = [
        (1, -1.0, 1, text) for text in ("Or", " frnace ", "FRNACE", "it's", None)
    ]
    table = Table(tmp_path, rows)
    rule = {"corrections": {"Frnace": "France", "it's": "its"}, "missing": {"repair": {"constant": "France"}}}
    found = table.repaired(tier=rule)
    assert [row["tier"] for row in found] == ["Or", "France", "France", "its", "France"]
    assert [row["tier_corrected"] for row in found] == [False, True, True, True, False]
    assert table.measured(tier=rule).columns["tier"].corrected == 3


@pytest.mark.parametrize(
    ("corrections", "said"),
    [
        ({"a": "b", "A ": "c"}, "says twice"),
        ({"a": "b", "b": "c"}, "corrects a correction"),
        ({"": "b"}, "empty entry"),
        ({"a": " "}, "empty entry"),
    ],
)
def test_a_dictionary_that_says_two_things_is_refused(corrections: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        validated(TableRules, {"columns": {"tier": {"corrections": corrections}}})


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        ({"hotmail.fr": "hotmail.com"}, "provider that many people use"),
        ({"jeanne@gmial.com": "gmail.com"}, "from a domain to a domain"),
        ({"gmial.com": "GMIAL.com"}, "to itself"),
    ],
)
def test_a_domain_that_is_no_slip_is_refused(domains: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        validated(QualityFile, {"version": 1, "email_domains": domains})
