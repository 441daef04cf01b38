"""Gaps that other columns speak for: as scikit-learn fills them, the same each time, and said where it can't be."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passerelle.segmentation.learning.threads import learning
from passerelle.segmentation.quality.expected import judge
from passerelle.segmentation.quality.file import TableRules
from passerelle.segmentation.quality.imputation import fill_gaps, filled, regressions
from passerelle.segmentation.quality.measure import ColumnFigures, Measured, measure
from passerelle.segmentation.quality.repair import repaired
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.wrong import Misdefined
from passerelle.workflows.settings.load import validated

pytest.importorskip("sklearn")
NOW = 1_795_219_200_000_000
COLUMNS = {"subject_id": "integer", "spent": "money", "visits": "integer", "age": "number", "town": "string"}
ROWS = 400


class People:
    """People whose spending follows from their visits, but for chance; every tenth has no spending."""

    def __init__(self, folder: Path, rows: int = ROWS, known: float = 0.9, shuffled: bool = False) -> None:
        chance = np.random.default_rng(3)
        visits, age = chance.integers(1, 50, rows), chance.normal(40, 10, rows)
        self.true = visits * 1_000 + chance.normal(0, 200, rows).round()
        self.gaps = chance.random(rows) >= known
        spent = [None if gap else int(value) for gap, value in zip(self.gaps, self.true, strict=True)]
        ages = [None if n % 7 == 0 else float(each) for n, each in enumerate(age)]
        keys = [int(n * 2654435761 % 2**32).to_bytes(16) for n in range(rows)]
        table = pa.table(
            {
                "_key": pa.array(keys, pa.binary()),
                "_version": pa.nulls(rows, pa.int64()),
                "subject_id": list(range(rows)),
                "spent": pa.array(spent, pa.int64()),
                "visits": visits,
                "age": ages,
                "town": ["Lyon"] * rows,
            }
        )
        pq.write_table(
            table.take(np.random.default_rng(1).permutation(rows)) if shuffled else table, folder / "p.parquet"
        )
        self.subject = Subject("crm", "person", COLUMNS, [folder / "p.parquet"])

    def repaired(self, repair: Any, **more: Any) -> tuple[list[dict[str, Any]], Measured]:  # noqa: ANN401 - as YAML
        rules = validated(TableRules, {"columns": {"spent": {"missing": {"repair": repair}}, **more}})
        with duckdb.connect(":memory:") as db:
            db.execute("SET TimeZone = 'UTC'")
            found = measure(db, self.subject, rules, before={}, now=NOW)
            fill_gaps(db, self.subject, rules, found, now=NOW)
            query = repaired(self.subject, rules, found, timezone="UTC", now=NOW)
            rows = db.sql(f"SELECT * FROM ({query}) ORDER BY subject_id").to_arrow_table().to_pylist()  # noqa: S608
        return rows, found


@pytest.mark.parametrize("repair", [{"knn": {"by": ["visits", "age"]}}, {"iterative": {"by": ["visits", "age"]}}])
def test_gaps_are_filled_by_what_other_columns_speak_for(tmp_path: Path, repair: dict[str, Any]) -> None:
    people = People(tmp_path)
    rows, found = people.repaired(repair)
    there = [row["spent"] for row, gap in zip(rows, people.gaps, strict=True) if not gap]
    assert there == [int(true) for true, gap in zip(people.true, people.gaps, strict=True) if not gap]
    assert [row["spent_filled"] for row in rows] == people.gaps.tolist()
    away = [abs(row["spent"] - true) for row, true, gap in zip(rows, people.true, people.gaps, strict=True) if gap]
    median, _ = people.repaired("median")
    plainly = [abs(row["spent"] - true) for row, true, gap in zip(median, people.true, people.gaps, strict=True) if gap]
    assert np.mean(away) < 0.2 * np.mean(plainly)
    learnt = found.columns["spent"].learnt
    assert learnt is not None
    assert all(isinstance(each, float) for each in learnt["centre"])


@pytest.mark.parametrize("how", ["knn", "iterative"])
def test_the_same_rows_in_another_order_are_filled_the_same(tmp_path: Path, how: str) -> None:
    one, first = People(tmp_path).repaired({how: {"by": ["visits", "age"], "sample": 200}})
    other, again = People(tmp_path, shuffled=True).repaired({how: {"by": ["visits", "age"], "sample": 200}})
    assert one == other
    assert first.columns["spent"].learnt == again.columns["spent"].learnt


def test_regressions_told_as_numbers_fill_as_scikit_learn_does() -> None:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - without it there is no such import
    from sklearn.impute import IterativeImputer

    chance = np.random.default_rng(5)
    rows = chance.normal(size=(300, 4)) @ chance.normal(size=(4, 4))
    rows[chance.random(rows.shape) < 0.15] = np.nan
    centre, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    with learning():
        theirs = IterativeImputer(max_iter=10, random_state=1, keep_empty_features=True).fit((rows - centre) / spread)
    gaps = rows[np.isnan(rows[:, 0])]
    expected = theirs.transform((gaps - centre) / spread)[:, 0] * spread[0] + centre[0]
    learnt = regressions(rows)
    assert filled(gaps, learnt) == pytest.approx(np.clip(expected, *learnt["range"]), rel=1e-6)


def test_impossible_values_are_learnt_neither_from_nor_for(tmp_path: Path) -> None:
    people = People(tmp_path)
    rule = {"possible": {"at_most": 30, "then": "blank"}}
    _, found = people.repaired({"knn": {"by": ["visits"]}}, visits=rule)
    centre = found.columns["spent"].learnt or {}
    assert centre["centre"][1] < 20


def test_what_cannot_be_learnt_is_said_and_stays_a_gap(tmp_path: Path) -> None:
    rows, found = People(tmp_path, rows=60, known=0.5).repaired({"knn": {"by": ["visits"]}})
    assert any(row["spent"] is None for row in rows)
    asked: dict[str, Any] = {"columns": {"spent": {"missing": {"repair": {"knn": {"by": ["visits"]}}}}}}
    rules = validated(TableRules, asked)
    [finding] = judge("crm", rules, found, before={}, came={})
    assert (finding.check, finding.severity) == ("repair", "warn")
    assert "too few to learn from" in finding.said
    many = Measured(rows=10**6, columns={"spent": ColumnFigures(missing=300_000)})
    [finding] = judge("crm", rules, many, before={}, came={})
    assert (finding.severity, finding.advice) == (
        "stop",
        "`knn` fills at most 50,000 gaps; use `iterative` or the median.",
    )


@pytest.mark.parametrize(
    ("column", "by", "said"),
    [
        ("spent", ["visit"], "no column `visit`"),
        ("spent", ["town"], "Nothing is learnt from `town`"),
        ("spent", ["spent"], "Nothing is learnt from `spent`"),
        ("town", ["spent"], "is not learnt from other columns"),
    ],
)
def test_columns_that_say_nothing_are_refused(tmp_path: Path, column: str, by: list[str], said: str) -> None:
    asked: dict[str, Any] = {"columns": {column: {"missing": {"repair": {"iterative": {"by": by}}}}}}
    rules = validated(TableRules, asked)
    with duckdb.connect(":memory:") as db, pytest.raises(Misdefined, match=said):
        measure(db, People(tmp_path).subject, rules, before={}, now=NOW)
