"""Every example segment on one awkward little world: what the engines must agree on, to the person."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from passerelle.segmentation import Dataset, DatasetTable, Membership, ModelFile, SegmentFile, evaluate
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.learning.model import Feature
from passerelle.workflows.settings.load import validated
from tests.segmentation.clusters.crowd import by_hand
from tests.segmentation.scores.by_hand import scores
from tests.segmentation.test_documented import CONDITIONS, fitted, segments, tables, written_model
from tests.segmentation.world import DAY, HOUR, Row, T, parquet

PEOPLE = range(1, 301)
TEXTS = ["or", "Or", "argent", "é'\\", "İX", "straße", "STRASSE", "a\nb", "or ", "ärger", "zèbre", "Ωs", None]
PAGES = ["/robes/1", "/Robes", "/soldes", "SOLDES d'été", "/", None]
STATUSES = ["payée", "annulée", "", None]
MORE_TRAITS = {
    "dwell": {"sum": "view.seconds"},
    "mean_dwell": {"avg": "view.seconds"},
    "lowest": {"min": "view.page"},
    "kinds": {"distinct": "view.seconds"},
}
MORE_THRESHOLDS = {"long": {"z_score": 0.25, "of": "dwell"}, "median_dwell": {"quantile": 0.5, "of": "mean_dwell"}}
MORE_CONDITIONS: list[Any] = [
    {"trait": "dwell", "more_than": {"threshold": "long"}},
    {"trait": "mean_dwell", "at_least": {"threshold": "median_dwell", "times": 1.1}},
    {"trait": "mean_dwell", "less_than": 10.1},
    {"trait": "kinds", "at_least": 3},
    {"trait": "lowest", "is": "/"},
    {"attribute": "fidelite", "contains": "x"},
    {"attribute": "fidelite", "contains": "ß"},
    {"attribute": "fidelite", "contains": "'\\"},
    {"attribute": "fidelite", "starts_with": "É"},
    {"attribute": "fidelite", "is": "or "},
    {"attribute": "inscrit", "older_than": "300d"},
    {"trait": "recency_days", "more_than": {"trait": "usual_gap_days", "times": 1.1}},
    {"trait": "orders_365d", "at_most": {"trait": "points", "times": 0.3}},
    {"did": "purchase", "where": {"amount": {"less_than": 0}}},
    {"all": [{"trait": f"rfm.{part}", "at_least": 4} for part in "rfm"]},
    {"cluster": "kinds", "in": ["best", 2]},
    {"cluster": "kinds", "not_in": ["best"]},
    {"trait": "cluster.kinds", "missing": True},
    {
        "trait": "cluster.kinds.distance",
        "at_most": {"quantile": 0.5, "of": "cluster.kinds.distance", "by": "cluster.kinds"},
    },
    {"top": {"n": 20, "by": "cluster.kinds.distance", "ties": "hash"}},
    {"score": "soon", "at_least": 0.5},
    {"score": "soon", "top_percent": 12.5},
    {"trait": "score.soon", "missing": True},
    {"score": "worth", "between": [5, 40.5]},
    {"trait": "score.worth", "more_than": {"quantile": 0.8, "of": "score.worth", "by": "loyalty"}},
]


def modelled() -> ModelFile:
    written = written_model()
    written["traits"] |= MORE_TRAITS
    written["thresholds"] |= MORE_THRESHOLDS
    return validated(ModelFile, written)


def written() -> dict[str, SegmentFile]:
    found = dict(segments())
    for index, condition in enumerate([*CONDITIONS, *MORE_CONDITIONS]):
        more: dict[str, Any] = (
            {"holdout": {"percent": 20, "salt": "été"}, "splits": {"a": 30, "b": 25.5}} if index % 5 == 0 else {}
        )
        found[f"c{index}"] = validated(SegmentFile, {"segment": f"c{index}", "where": condition, **more})
    return found


def _instant(chance: random.Random) -> int:
    """On a coarse grid, so that equal times and exact edges of windows are common; some later than the run."""
    return T - chance.randrange(-2, 400) * 6 * HOUR + chance.choice([-1, 0, 0, 1]) - chance.choice([0, 0, 300 * DAY])


def _rows(chance: random.Random) -> dict[str, list[Row]]:
    def happened(names: Sequence[str]) -> dict[str, Any]:
        person = int(len(PEOPLE) * chance.random() ** 2) + 1
        return {"subject_id": person, "event": chance.choice(names), "at": _instant(chance)}

    seconds = [0.1, 0.2, 0.30000000000000004, 12.5, -0.0, 0.0, 1e-7, 2.5e-6, float("nan"), float("inf"), 7.0, None]
    people = [
        {
            "subject_id": person,
            "fidelite": chance.choice(TEXTS),
            "inscrit": chance.choice([None, *range(19_000, 20_770)]),
            "points": chance.choice([None, -3, 0, 0, 1, 50, 2**40]),
        }
        for person in PEOPLE
        if person % 7
    ]
    amounts = [None, -500, 0, 100, 100, 1_999, 12_050, 60_000]
    orders = [
        happened(["purchase"]) | {"amount": chance.choice(amounts), "status": chance.choice(STATUSES)}
        for _ in range(1_500)
    ]
    events = ["view", "view", "cart", "newsletter_open"]
    web = [
        happened(events) | {"page": chance.choice(PAGES), "seconds": chance.choice(seconds), "amount": None}
        for _ in range(3_000)
    ]
    return {"crm": [*people, *people[:20]], "orders": [*orders, *orders[:50]], "web": [*web, *web[:50]]}


def dataset(folder: Path, engine: Engine, seed: int = 11) -> Dataset:
    """The same world for every engine: nulls, duplicates, merges, people who are gone, and texts nobody likes."""
    rows, found = _rows(random.Random(seed)), {}  # noqa: S311 - no secret
    for name, table in tables().items():
        own = {"subject_id": "integer"} | ({"event": "string", "at": "timestamp"} if table.grain == "event" else {})
        columns = {**own, **table.columns, **({"seconds": "number"} if name == "web" else {})}
        file = folder / f"{name}.parquet"
        found[name] = DatasetTable(
            name, table.grain, columns, [file if file.exists() else parquet(file, rows[name], columns)]
        )
    merges = pa.table(
        {"subject_id": pa.array([3, 5, 14], pa.int64()), "merged_into": pa.array([4, 4, 299], pa.int64())}
    )
    return Dataset(
        found,
        merges,
        pa.array([8, 9], pa.int64()),
        engine=engine,
        fitted=fitted(),
        clusters=clusters(),
        scores=scores(),
    )


def clusters() -> Clusters:
    """Groups by a model that was written by hand: Spark's environment has nothing to find any with."""
    traits = {"spent": {}, "mean_dwell": {"log": True}, "loyalty": {"one_hot": ["or"], "fill": "none"}}
    asked: dict[str, Any] = {"cluster": "kinds", "traits": traits, "groups": 3, "names": {"1": "best"}}
    features = [
        Feature(trait="spent", centre=200.0, spread=150.0),
        Feature(trait="mean_dwell", log=True, centre=1.5, spread=0.7),
        Feature(trait="loyalty", category="or", fill="none"),
    ]
    points = [[-0.5, -0.5, 0.0], [1.0, 0.0, 1.0], [0.1, 1.1, 0.0]]
    file = validated(ClusterFile, asked)
    return Clusters({"kinds": file}, {"kinds": by_hand(file, features, points)})


def members(folder: Path, engine: Engine, at_once: int | None = None) -> dict[str, Membership]:
    """Every example segment on this engine, in one run; or in runs of so many segments, for what is slow with many."""
    files, model, found = written(), modelled(), dataset(folder, engine)
    names, of_all = list(files), dict[str, Membership]()
    for begin in range(0, len(names), at_once or len(names)):
        some = names[begin : begin + (at_once or len(names))]
        of_all |= evaluate(some, model=model, segments=files, dataset=found, as_of=T)
    return of_all
