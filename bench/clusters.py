"""RFM and K-means (k = 6) from files of events to everybody's group, against bare scikit-learn on ready features.

`make bench ONLY=rfm_clusters` takes 1,000,000 people and 5,000,000 events; `python -m bench.clusters --people N`
another number, such as 10,000,000, with five times as many events. Each side runs in a process of its own, in turns,
and fits with the same number of starts. Ours looks at a million people and gives everybody a group; how much tighter
the groups of scikit-learn are, which looks at all, is printed.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.examples.segments import AS_OF, dataset, model
from bench.examples.shop import shop
from bench.measure import Child, Measure, child
from passerelle.segmentation import MemoryHistory
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.clusters.measures import within
from passerelle.segmentation.clusters.methods import STARTS
from passerelle.segmentation.clusters.people import assigned_to, look
from passerelle.segmentation.engines.duck import DuckDb
from passerelle.segmentation.learning.people import Looked
from passerelle.segmentation.resolve import Resolver

NAME = "rfm_clusters"
GOAL = 1.5
PEOPLE = 1_000_000
EVENTS_EACH = 5
GROUPS = 6
MEMORY = "1GB"
NEVER = 730
"""Days since the last purchase, of whoever never bought."""
TRAITS: dict[str, Any] = {
    "recency_days": {"log": True, "fill": NEVER},
    "orders_365d": {"log": True},
    "revenue_365d": {"log": True},
}


def run(people: int = PEOPLE, rounds: int = 3) -> dict[str, Measure]:
    """The ratio of CPU time, and the peak memory of our side."""
    folder = shop(people, people * EVENTS_EACH)
    _apart("ready", folder)
    turns = [(_apart("grouped", folder), _apart("bare", folder)) for _ in range(rounds)]
    ours, theirs = (statistics.median(_seconds(side) for side in sides) for sides in zip(*turns, strict=True))
    print(f"  {ours:.1f} s of CPU, scikit-learn {theirs:.1f} s", file=sys.stderr)
    print(f"  groups are {looser(folder):+.2%} looser than scikit-learn's", file=sys.stderr, flush=True)
    return {NAME: Measure(ours / theirs, GOAL, max(side.peak_mib for side, _ in turns))}


def _apart(side: str, folder: Path) -> Child:
    command = f"from bench.clusters import *; told({side}, Path({str(folder)!r}))"
    return child([sys.executable, "-c", command], Path.cwd())


def _seconds(done: Child) -> float:
    return float(json.loads(done.stdout))


def told(side: Callable[[Path], None], folder: Path) -> None:
    """Do it, and print the CPU time that it took."""
    began = time.process_time()
    side(folder)
    print(json.dumps(time.process_time() - began))


def grouped(folder: Path) -> None:
    """Everybody's group, by Passerelle: traits, fit with its checks, assignment."""
    file, looked = _looked(folder)
    rows = assigned_to(file, fit(file, looked), looked.raw).rows
    np.save(folder / "ours.npy", rows["group"].to_numpy().astype(np.int8))


def ready(folder: Path) -> None:
    """The features as scikit-learn wants them."""
    raw = _looked(folder)[1].raw
    columns = (raw[name].fill_null(how.get("fill", 0)).to_numpy() for name, how in TRAITS.items())
    np.save(folder / "features.npy", np.column_stack([np.log1p(column) for column in columns]))


def bare(folder: Path) -> None:
    """Labels by scikit-learn, scaled."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(np.load(folder / "features.npy"))
    labels = KMeans(GROUPS, n_init=STARTS, random_state=1).fit(scaled).labels_
    np.save(folder / "theirs.npy", labels.astype(np.int8))


def _looked(folder: Path) -> tuple[ClusterFile, Looked]:
    file = ClusterFile.model_validate({"cluster": "buyers", "traits": TRAITS, "groups": GROUPS})
    with TemporaryDirectory(dir=folder) as scratch:
        engine = DuckDb(memory=MEMORY, threads=2, scratch=Path(scratch))
        data = replace(dataset(folder, engine), clusters=Clusters({"buyers": file}, {}))
        return file, look("buyers", Resolver.of(model(), {}, data), data, as_of=AS_OF, history=MemoryHistory())


def looser(folder: Path) -> float:
    """How much greater the sum of squared distances within our groups is."""
    features = np.load(folder / "features.npy")
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    ours, theirs = (np.load(folder / f"{side}.npy") for side in ("ours", "theirs"))
    return within(scaled, ours) / within(scaled, theirs) - 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for name, measure in run(asked.people, asked.rounds).items():
        print(f"{name}: {measure.ratio:.3f} (goal {measure.goal}), peak {measure.peak_mib:,.0f} MiB")
