"""Example segments on Spark with two workers, against the same segments by hand in Spark's SQL.

`make bench ONLY=spark_worst` takes 1,000,000 people and 5,000,000 events; `python -m bench.spark --people N` another
number. It runs in the environment that has PySpark (`tests/sdk/install.py spark`), on a cluster of two workers, each
a process with one core. Both sides ask one application that both have warmed up, read the same
files, take turns and must give the same members. What counts is the CPU time of all its processes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.examples.segments import AS_OF, dataset, model, segments
from bench.examples.shop import shop
from bench.examples.spark_sql import BY_HAND
from bench.measure import Measure, in_process, ratio
from passerelle.segmentation import evaluate
from passerelle.segmentation.engines.spark import Spark, _application
from tests.sdk.install import Unavailable, interpreter
from tests.segmentation.engines.servers import spark_cluster

GOAL = 1.3
PEOPLE = 1_000_000
EVENTS_EACH = 5


def run(people: int = PEOPLE, only: Sequence[str] = tuple(BY_HAND), rounds: int = 3) -> dict[str, Measure]:
    """A ratio for each example, and the worst of them; nothing where Spark or Java is not to be had."""
    if shutil.which("java") is None:
        print("  Java was not found on PATH", file=sys.stderr)
        return {}
    try:
        python = interpreter(name="spark")
    except Unavailable as problem:
        print(f"  {problem}", file=sys.stderr)
        return {}
    command = [str(python), "-m", "bench.spark", "--inside", "--people", str(people), "--rounds", str(rounds)]
    done = subprocess.run(
        [*command, "--only", *only], env=os.environ | {"PYTHONPATH": ".dev:."}, stdout=subprocess.PIPE, check=True
    )
    found = {f"spark_{name}": Measure(*told) for name, told in json.loads(done.stdout).items()}
    worst = max(found.values(), key=lambda each: each.ratio)
    return {**found, "spark_worst": worst}


def inside(people: int, only: Sequence[str], rounds: int) -> dict[str, tuple[float, float, float]]:
    """The same, in Spark's environment."""
    folder = shop(people, people * EVENTS_EACH)
    with TemporaryDirectory(dir=folder) as scratch, spark_cluster(Path(scratch)) as engine:
        return {name: _compared(name, folder, engine, rounds) for name in only}


def _compared(name: str, folder: Path, engine: Spark, rounds: int) -> tuple[float, float, float]:
    for _ in range(2):  # the second time, Java has compiled what it runs
        ours, theirs = _ours(name, folder, engine), _by_hand(name, folder, engine)
        if not np.array_equal(ours, theirs):
            raise SystemExit(f"{name}: {len(ours)} members here, {len(theirs)} by hand: they must be the same")
    found, peak = in_process(
        lambda: ratio(lambda: _ours(name, folder, engine), lambda: _by_hand(name, folder, engine), rounds)
    )
    print(f"  {name}: {found:.2f}; {len(ours)} members", file=sys.stderr, flush=True)
    return found, GOAL, peak


def _ours(name: str, folder: Path, engine: Spark) -> Any:  # noqa: ANN401 - an array of NumPy
    data = dataset(folder, engine)
    return evaluate([name], model=model(), segments=segments(), dataset=data, as_of=AS_OF)[name].subject_ids.to_numpy()


def _by_hand(name: str, folder: Path, engine: Spark) -> Any:  # noqa: ANN401 - an array of NumPy
    spark = _application(engine)
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    for table in ("people", "events"):
        spark.read.parquet(str(folder / f"{table}.parquet")).createOrReplaceTempView(table)
    return spark.sql(BY_HAND[name]).toArrow()["subject_id"].to_numpy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--only", choices=BY_HAND, nargs="+", default=list(BY_HAND))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help="this is the environment with PySpark")
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(inside(asked.people, asked.only, asked.rounds)))
    else:
        for name, measure in run(asked.people, asked.only, asked.rounds).items():
            print(f"{name}: {measure.ratio:.3f} (goal {measure.goal}), peak {measure.peak_mib:,.0f} MiB")
