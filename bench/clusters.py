"""RFM and K-means (k = 6) from files of events to everybody's group, against bare scikit-learn on ready features.

`make bench ONLY=rfm_clusters` takes 1,000,000 people and 5,000,000 events; `python -m bench.clusters --people N`
another number, such as 10,000,000, with five times as many events. Both fit with the same number of starts. Ours looks
at a million people and gives everybody a group; how much tighter the groups of scikit-learn are, which looks at all, is
printed.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.measure import Measure, child, ratio
from bench.segment import AS_OF, MEMORY, MODEL, data

NAME = "rfm_clusters"
GOAL = 1.5
PEOPLE = 1_000_000
EVENTS_EACH = 5
GROUPS = 6
TRAITS = ("recency_days", "orders_365d", "revenue_365d")
ASKED = {
    "cluster": "buyers",
    "population": {"trait": "orders_365d", "at_least": 1},
    "traits": {name: {"log": True} for name in TRAITS},
    "groups": GROUPS,
}


def run(people: int = PEOPLE) -> dict[str, Measure]:
    """The ratio, and the peak memory of a process that does nothing but fit and assign."""
    folder = data(people, people * EVENTS_EACH)
    features = ready(folder)
    print(f"  groups are {looser(folder, features):+.2%} looser than scikit-learn's", file=sys.stderr)
    found = ratio(lambda: grouped(folder), lambda: bare(features), rounds=3 if people <= PEOPLE else 1)
    command = f"from bench.clusters import *; grouped(Path({str(folder)!r}))"
    return {NAME: Measure(found, GOAL, child([sys.executable, "-c", command], Path.cwd()).peak_mib)}


def grouped(folder: Path) -> pa.Table:
    """Everybody's group, by Passerelle: traits, fit with its checks, assignment. Files in, a table out."""
    from passerelle.segmentation.clusters.fit import fit
    from passerelle.segmentation.clusters.people import assigned_to, look

    resolver, dataset, history = _scene(folder)
    file = dataset.clusters.files["buyers"]
    looked = look("buyers", resolver, dataset, as_of=AS_OF, history=history)
    return assigned_to(file, fit(file, looked), looked.raw).rows


def _scene(folder: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202 - three things that are imported late
    from passerelle.segmentation import Dataset, DatasetTable, MemoryHistory, ModelFile
    from passerelle.segmentation.clusters.file import ClusterFile
    from passerelle.segmentation.clusters.known import Clusters
    from passerelle.segmentation.engines.duck import DuckDb
    from passerelle.segmentation.resolve import Resolver

    events = {"subject_id": "integer", "event": "string", "at": "timestamp", "amount": "money"}
    dataset = Dataset(
        {
            "crm": DatasetTable("crm", "person", {"subject_id": "integer"}, [folder / "people.parquet"]),
            "orders": DatasetTable("orders", "event", events, [folder / "events.parquet"]),
        },
        engine=DuckDb(memory=MEMORY, scratch=folder / f"scratch-{os.getpid()}"),
        clusters=Clusters({"buyers": ClusterFile.model_validate(ASKED)}, {}),
    )
    model = ModelFile.model_validate(MODEL)
    return Resolver.of(model, {}, dataset), dataset, MemoryHistory()


def ready(folder: Path) -> np.ndarray:
    """The features as scikit-learn wants them."""
    from passerelle.segmentation.clusters.people import look

    resolver, dataset, history = _scene(folder)
    raw = look("buyers", resolver, dataset, as_of=AS_OF, history=history).raw
    return np.column_stack([np.log1p(raw[name].to_numpy()) for name in TRAITS])


def bare(features: np.ndarray) -> np.ndarray:
    """Labels by scikit-learn, scaled, with all its threads."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    from passerelle.segmentation.clusters.methods import STARTS

    labels: np.ndarray = (
        KMeans(GROUPS, n_init=STARTS, random_state=1).fit(StandardScaler().fit_transform(features)).labels_
    )
    return labels


def looser(folder: Path, features: np.ndarray) -> float:
    """How much greater the sum of squared distances within our groups is."""
    from passerelle.segmentation.clusters.measures import within

    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    ours = grouped(folder)["group"].to_numpy().astype(np.int64)
    return within(scaled, ours) / within(scaled, bare(features)) - 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=PEOPLE)
    for name, measure in run(parser.parse_args().people).items():
        print(f"{name}: {measure.ratio:.3f} (goal {measure.goal}), peak {measure.peak_mib:,.0f} MiB")
