"""Comparing 10,000,000 people who should be in an audience with 10,000,000 who are there, of whom 1 % differ.

Both start from the same two Parquet files: one reads them and makes the moves, both ways and with the revision of each
person's identifiers; the other is DuckDB's bare anti-join of the two, one way. What a plan costs besides (the segment,
the gate, reading the ledger from the store) is in `same_sync_again`.
"""

import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import Measure, child, ratio

NAME = "plan_diff"
GOAL = 1.5
PEOPLE = 10_000_000
CHANGED = 100_000
"""Half of them are to come, half to go."""


def run() -> dict[str, Measure]:
    """The ratio, and the peak memory of a process that does nothing else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder)
        ours, theirs = planned(folder), joined(folder)
        if ours != theirs:
            raise SystemExit(f"{NAME}: {ours} people to add here, {theirs} by DuckDB")
        found = ratio(lambda: planned(folder), lambda: joined(folder), rounds=5)
        alone = child([sys.executable, "-c", f"from bench.plan import *; planned(Path({name!r}))"], Path.cwd())
    return {NAME: Measure(found, GOAL, alone.peak_mib)}


def generate(folder: Path) -> None:
    """Everybody is numbered; those who come and those who go are spread over all of them."""
    random = np.random.default_rng(20_261_121)
    everybody = np.arange(1, PEOPLE + CHANGED // 2 + 1)
    leaving, coming = np.split(random.choice(everybody, CHANGED, replace=False), 2)
    _write(folder / "wish.parquet", np.setdiff1d(everybody, leaving, assume_unique=True))
    _write(folder / "there.parquet", np.setdiff1d(everybody, coming, assume_unique=True))


def planned(folder: Path) -> int:
    """Make the moves; how many people are to come."""
    from passerelle.workflows.plan.moves import Standing, Wish, diff

    wish, there = pq.read_table(folder / "wish.parquet"), pq.read_table(folder / "there.parquet")
    kind = np.zeros(there.num_rows, np.int8)
    moves = diff(
        Wish(wish["subject_id"].to_numpy(), wish["revision"].to_numpy(), {}),
        Standing(there["subject_id"].to_numpy(), kind, there["revision"].to_numpy()),
    )
    if len(moves.leaving) != CHANGED // 2:
        raise RuntimeError(f"{len(moves.leaving)} people to take out")
    return len(moves.adds)


def joined(folder: Path) -> int:
    """The people of one file who are not in the other, counted."""
    with duckdb.connect() as db:
        db.execute("SET enable_progress_bar = false")
        wish, there = (f"read_parquet('{folder}/{name}.parquet')" for name in ("wish", "there"))
        row = db.execute(f"SELECT count(*) FROM {wish} ANTI JOIN {there} USING (subject_id)").fetchone()  # noqa: S608
    return int(row[0]) if row else -1


def _write(path: Path, ids: "npt.NDArray[np.int64]") -> None:
    table = pa.table({"subject_id": ids, "revision": pa.array(np.ones(len(ids), np.int32))})
    pq.write_table(table, path, compression="zstd")
