"""Each example segment of the language over a shop, against the same segment by hand in DuckDB's SQL.

`make bench ONLY=segments` takes 1,000,000 people and 5,000,000 events; `python -m bench.segments --people 10000000`
another number, with five times as many events. Both sides read the same files with the same threads and memory, each
time in a process of its own, in turns, and must give the same members. What counts is the CPU time of those processes
but for what they take to start and import. A process of ours that holds more than 2 GiB ends the run.
"""

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from bench.examples.segments import AS_OF, EXAMPLES, dataset, model, segments
from bench.examples.shop import shop
from bench.examples.sql import BY_HAND
from bench.measure import Measure, child

GOAL = 1.2
PEOPLE = 1_000_000
EVENTS_EACH = 5
MEMORY = "1GB"
"""DuckDB's. What Python, Arrow and Passerelle hold comes to it."""
MOST_MIB = 2_048
THREADS = 2


@dataclass(frozen=True, slots=True)
class Took:
    """What one side of one turn took, and whom it found."""

    cpu_seconds: float
    peak_mib: float
    members: int
    digest: str


def run(people: int = PEOPLE, only: Sequence[str] = EXAMPLES, rounds: int = 3) -> dict[str, Measure]:
    """A ratio for each example, and the worst of them."""
    folder = shop(people, people * EVENTS_EACH)
    found = {f"segment_{name}": _compared(name, folder, rounds) for name in only}
    worst = max(found.values(), key=lambda each: each.ratio)
    return {**found, "segments_worst": Measure(worst.ratio, GOAL, max(each.peak_mib for each in found.values()))}


def _compared(name: str, folder: Path, rounds: int) -> Measure:
    turns = [(_apart("ours", name, folder), _apart("by_hand", name, folder)) for _ in range(rounds)]
    for ours, by_hand in turns:
        if ours.digest != by_hand.digest:
            raise SystemExit(f"{name}: {ours.members} members here, {by_hand.members} by hand: they must be the same")
    peak = max(ours.peak_mib for ours, _ in turns)
    if peak > MOST_MIB:
        raise SystemExit(f"{name}: {peak:,.0f} MiB were held, and {MOST_MIB:,} MiB are the most")
    ours, by_hand = (statistics.median(side.cpu_seconds for side in sides) for sides in zip(*turns, strict=True))
    said = (
        f"  {name}: {ours:.2f} s of CPU, by hand {by_hand:.2f} s; {ours / by_hand:.2f}; {turns[0][0].members} members"
    )
    print(
        f"{said}; {peak:,.0f} MiB, by hand {max(side.peak_mib for _, side in turns):,.0f}", file=sys.stderr, flush=True
    )
    return Measure(ours / by_hand, GOAL, peak)


def _apart(side: str, name: str, folder: Path) -> Took:
    """One side in a process of its own."""
    command = f"from bench.segments import *; told({side}, {name!r}, Path({str(folder)!r}))"
    done = child([sys.executable, "-c", command], Path.cwd())
    said = json.loads(done.stdout)
    return Took(said["cpu_seconds"], done.peak_mib, said["members"], said["digest"])


def told(side: Callable[[str, Path], pa.Int64Array], name: str, folder: Path) -> None:
    """Find the members, and print what it took; what has to be imported was, for a shop of a hundred people."""
    side(name, shop(100, 500))
    began = time.process_time()
    members = side(name, folder)
    used = time.process_time() - began
    digest = hashlib.sha256(members.to_numpy()).hexdigest()
    print(json.dumps({"cpu_seconds": used, "members": len(members), "digest": digest}))


def ours(name: str, folder: Path) -> pa.Int64Array:
    """The members, by Passerelle."""
    from passerelle.segmentation import evaluate
    from passerelle.segmentation.engines.duck import DuckDb

    with TemporaryDirectory(dir=folder) as scratch:
        data = dataset(folder, DuckDb(memory=MEMORY, threads=THREADS, scratch=Path(scratch)))
        return evaluate([name], model=model(), segments=segments(), dataset=data, as_of=AS_OF)[name].subject_ids


def by_hand(name: str, folder: Path) -> pa.Int64Array:
    """The members, by SQL."""
    with TemporaryDirectory(dir=folder) as scratch, duckdb.connect() as db:
        db.execute(f"SET memory_limit = '{MEMORY}'; SET threads = {THREADS}; SET preserve_insertion_order = false")
        db.execute(f"SET temp_directory = '{scratch}'; SET TimeZone = 'UTC'")
        db.execute("SET enable_progress_bar = false")
        sql = BY_HAND[name].format(people=folder / "people.parquet", events=folder / "events.parquet")
        return db.sql(sql).to_arrow_table().column("subject_id").combine_chunks()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--only", choices=EXAMPLES, nargs="+", default=list(EXAMPLES))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for name, measure in run(asked.people, asked.only, asked.rounds).items():
        print(f"{name}: {measure.ratio:.3f} (goal {measure.goal}), peak {measure.peak_mib:,.0f} MiB")
