"""Finds pairs of records that are probably one person. In memory: DuckDB is given no file and no place to spill to."""

# ruff: noqa: S608 - statements are made of our own column names and numbers; values stand in tables

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from passerelle.privacy.duplicates.blocks import pairs, rules
from passerelle.privacy.duplicates.columns import Column, fold
from passerelle.privacy.duplicates.kinds import Counts, Floats, fit
from passerelle.privacy.duplicates.levels import digits, levels, pattern
from passerelle.privacy.errors import PasserelleError

THRESHOLD = 0.85
"""From this probability on, two records count as one person."""

FLOOR = 0.01
"""Pairs below this probability are not told."""

FEWEST = 100
"""Of fewer records nothing can be learned: what is rare among them is so by chance. They give no pair."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Pairs of row numbers, `left` < `right`, by falling probability; `levels` is (pairs, columns).

    `candidates` were compared of all the pairs there are.
    """

    columns: tuple[Column, ...]
    left: Counts
    right: Counts
    probability: Floats
    levels: Counts
    candidates: int


def find(table: pa.Table, columns: Sequence[Column], *, memory: str = "4GB", threads: int | None = None) -> Found:
    """Every pair of rows of `table` that is one person with at least the probability `FLOOR`.

    `columns` are columns of text. The order of the rows does not matter; fewer
    than `FEWEST` give no pair. Raises `PasserelleError` where `memory` does
    not do: people are not spilled to a disk.
    """
    if len(columns) == 0 or len(table) < FEWEST:
        return _nothing(columns)
    try:
        with _database(memory, threads) as db:
            fold(db, table, columns)
            db.execute(
                f"""CREATE TABLE compared AS SELECT l, r, {pattern(columns)} AS p
                FROM (SELECT c.l, c.r, {levels(columns)} FROM ({pairs(rules(db, columns))}) AS c
                JOIN r AS x ON x.id = c.l JOIN r AS y ON y.id = c.r)"""
            )
            return _judged(db, columns)
    except duckdb.OutOfMemoryException:
        failed = PasserelleError("There is too little memory to compare people.", advice="Raise `engine.memory`.")
    except duckdb.Error as problem:  # its message may quote a value
        failed = PasserelleError(f"People could not be compared ({type(problem).__name__}).")
    raise failed


def _judged(db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> Found:
    counted = db.execute("SELECT p, count(*) AS n FROM compared GROUP BY p ORDER BY p").fetchnumpy()
    patterns, count = np.asarray(counted["p"], np.int64), np.asarray(counted["n"], np.float64)
    if not len(patterns):
        return _nothing(columns)
    probability = fit(digits(patterns, len(columns)), count, columns).probability
    told = probability >= FLOOR
    db.register("told", pa.table({"p": patterns[told], "probability": probability[told]}))
    found = db.execute(
        "SELECT l, r, p, probability FROM compared JOIN told USING (p) ORDER BY probability DESC, l, r"
    ).fetchnumpy()
    return Found(
        columns=tuple(columns),
        left=np.asarray(found["l"], np.int64),
        right=np.asarray(found["r"], np.int64),
        probability=np.asarray(found["probability"], np.float64),
        levels=digits(np.asarray(found["p"], np.int64), len(columns)),
        candidates=int(count.sum()),
    )


def _nothing(columns: Sequence[Column]) -> Found:
    none = np.zeros(0, np.int64)
    return Found(tuple(columns), none, none, np.zeros(0), np.zeros((0, len(columns)), np.int64), 0)


@contextmanager
def _database(memory: str, threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as db:
        db.execute("SET temp_directory = ''")
        db.execute("SET memory_limit = ?", [memory])
        db.execute("SET enable_external_access = false")
        db.execute("SET enable_progress_bar = false")
        if threads is not None:
            db.execute("SET threads = ?", [threads])
        yield db
