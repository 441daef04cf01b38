"""Gaps filled by what other columns speak for: scikit-learn's nearest neighbours, or regressions again and again.

The rows that are learnt from are the first by `_key`, a keyed digest: a draw by chance that stays the same while they
do. What was learnt is numbers in the lake's manifest, so the same rows give the same values.
"""

# ruff: noqa: S608 - statements are made of checked column names and numbers

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import slices
from passerelle.segmentation.learning.threads import learning
from passerelle.segmentation.quality.file import Iterated, Nearest, TableRules
from passerelle.segmentation.quality.measure import ColumnFigures, Measured
from passerelle.segmentation.quality.repair import filled_table, kept
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.quality.suited import FEWEST, learnt_from

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Matrix = npt.NDArray[np.float64]

_SEED, _ROUNDS = 1, 10
_AT_ONCE = 2_000


def fill_gaps(db: "DuckDBPyConnection", table: Subject, rules: TableRules, found: Measured, *, now: int) -> None:
    """Learn what stands in gaps, as far as `rules` ask for it, from the view `given`; `repaired` puts it in.

    What was learnt is noted in `found`. Raises `DefinitionError` where scikit-learn is not installed.
    """
    for name, rule in rules.columns.items():
        repair = rule.missing.repair if rule.missing is not None else None
        by = learnt_from(repair)
        if by is None or found.rows - found.columns[name].missing < FEWEST:
            continue
        columns = [kept(table, each, rules.columns.get(each), found.columns.get(each), now) for each in (name, *by)]
        if isinstance(repair, Nearest):
            _by_neighbours(db, name, columns, repair, found.columns[name])
        elif isinstance(repair, Iterated):
            _by_regressions(db, name, columns, repair, found.columns[name])


def _by_neighbours(
    db: "DuckDBPyConnection", name: str, columns: Sequence[str], repair: Nearest, figures: ColumnFigures
) -> None:
    asked = repair.knn
    _, sample = _rows(db, columns, f"WHERE {columns[0]} IS NOT NULL ORDER BY _key LIMIT {asked.sample}")
    keys, gaps = _rows(db, columns, f"WHERE {columns[0]} IS NULL ORDER BY _key")
    centre, spread = _scale(sample)
    with learning():
        from sklearn.impute import KNNImputer

        imputer = KNNImputer(n_neighbors=min(asked.neighbours, len(sample)), keep_empty_features=True)
        imputer.fit((sample - centre) / spread)
        made = [imputer.transform((gaps[part] - centre) / spread)[:, 0] for part in slices(len(gaps), _AT_ONCE)]
    values = np.concatenate([np.zeros(0), *made]) * spread[0] + centre[0]
    figures.learnt = {"rows": len(sample), "centre": _plain(centre), "spread": _plain(spread)}
    _put(db, name, keys, values)


def _by_regressions(
    db: "DuckDBPyConnection", name: str, columns: Sequence[str], repair: Iterated, figures: ColumnFigures
) -> None:
    _, sample = _rows(db, columns, f"ORDER BY _key LIMIT {repair.iterative.sample}")
    keys, gaps = _rows(db, columns, f"WHERE {columns[0]} IS NULL ORDER BY _key")
    figures.learnt = regressions(sample)
    _put(db, name, keys, filled(gaps, figures.learnt))


def regressions(sample: Matrix) -> dict[str, Any]:
    """What tells each column from all others, by these rows (not a number: a gap), as plain numbers."""
    centre, spread = _scale(sample)
    with learning():
        from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - without it there is no such import
        from sklearn.impute import IterativeImputer

        imputer = IterativeImputer(max_iter=_ROUNDS, random_state=_SEED, keep_empty_features=True, skip_complete=False)
        imputer.fit((sample - centre) / spread)
    return {
        "rows": len(sample),
        "centre": _plain(centre),
        "spread": _plain(spread),
        "range": _plain(np.array([np.nanmin(sample[:, 0]), np.nanmax(sample[:, 0])])),
        "steps": [
            {
                "column": int(step.feat_idx),
                "others": [int(each) for each in step.neighbor_feat_idx],
                "weights": _plain(step.estimator.coef_),
                "base": short(float(step.estimator.intercept_)),
            }
            for step in imputer.imputation_sequence_
        ],
    }


def filled(gaps: Matrix, learnt: dict[str, Any]) -> Matrix:
    """The first column of rows, by what was learnt; never outside what was seen. Needs nothing but these numbers."""
    centre, spread = np.array(learnt["centre"]), np.array(learnt["spread"])
    rows = (gaps - centre) / spread
    missing = np.isnan(rows)
    rows[missing] = 0.0
    for step in learnt["steps"]:
        column, at = step["column"], missing[:, step["column"]]
        told = np.full(int(at.sum()), step["base"])
        for other, weight in zip(step["others"], step["weights"], strict=True):
            told += rows[at, other] * weight
        rows[at, column] = told
    values: Matrix = np.clip(rows[:, 0] * spread[0] + centre[0], *learnt["range"])
    return values


def _rows(db: "DuckDBPyConnection", columns: Sequence[str], where: str) -> tuple[pa.ChunkedArray, Matrix]:
    """Keys, and a column of numbers for each expression; not a number where there is no value."""
    selected = ", ".join(f"CAST({each} AS DOUBLE) AS c{place}" for place, each in enumerate(columns))
    table = db.sql(f"SELECT _key, {selected} FROM given {where}").to_arrow_table()
    return table["_key"], np.column_stack(
        [table[f"c{place}"].to_numpy().astype(float) for place in range(len(columns))]
    )


def _scale(sample: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of each column; 0 and 1 where it says nothing."""
    known = ~np.isnan(sample)
    many = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, sample, 0.0).sum(axis=0) / many
    spread = np.sqrt((np.where(known, sample - centre, 0.0) ** 2).sum(axis=0) / many)
    return centre, np.where(spread > 0, spread, 1.0)


def _put(db: "DuckDBPyConnection", name: str, keys: pa.ChunkedArray, values: Matrix) -> None:
    made = pa.table({"k": keys, "v": pa.array([short(float(value)) for value in values], pa.float64())})
    db.register("made", made)
    db.execute(f"CREATE OR REPLACE TEMP TABLE {filled_table(name)} AS SELECT k, v FROM made")
    db.unregister("made")


def _plain(values: Matrix) -> list[float]:
    return [short(float(value)) for value in values]
