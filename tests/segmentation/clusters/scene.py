"""The crowd as people with purchases, in files of a lake, so that traits are computed of them by an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from passerelle.segmentation import Dataset, History, Membership, MemoryHistory, SegmentFile, evaluate
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import look
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.engines.duck import DuckDb
from passerelle.segmentation.resolve import Resolver
from tests.segmentation.clusters.crowd import asked, people
from tests.segmentation.world import Row, T, World, persons, purchase


@dataclass
class ClusterWorld:
    """A world with a cluster `kinds`."""

    world: World
    file: ClusterFile
    history: History
    dataset: Dataset
    segments: Mapping[str, SegmentFile]
    as_of: int = T

    @property
    def resolver(self) -> Resolver:
        return Resolver.of(self.world.modelled(), self.segments, self.dataset)

    def fit(self) -> ClusterModel:
        """The model of what the engine says of these people."""
        looked = look("kinds", self.resolver, self.dataset, as_of=self.as_of, history=self.history)
        return fit(self.file, looked)

    def using(self, model: ClusterModel | None) -> "ClusterWorld":
        models = {} if model is None else {"kinds": model}
        return replace(self, dataset=replace(self.dataset, clusters=Clusters({"kinds": self.file}, models)))

    def run(self, *files: SegmentFile, as_of: int = T) -> dict[str, Membership]:
        segments = {**self.segments, **{file.segment: file for file in files}}
        return evaluate(
            [file.segment for file in files],
            model=self.world.modelled(),
            segments=segments,
            dataset=self.dataset,
            as_of=as_of,
            history=self.history,
        )


def bought() -> tuple[list[Row], list[Row]]:
    """The crowd, and its purchases: as many, as much and as long ago as it says; somebody else never bought."""
    found: list[Row] = []
    for row in people().to_pylist():
        orders = max(1, round(row["orders_365d"]))
        cents = round(row["revenue_365d"] * 100 / orders)
        found += [purchase(row["subject_id"], row["recency_days"] + each * 0.1, cents) for each in range(orders)]
    return persons(*range(1, 161)), found


def in_world(folder: Path, step: int = 1, engine: Engine | None = None, **more: Any) -> ClusterWorld:  # noqa: ANN401 - YAML
    everybody, orders = bought()
    world = World(folder, everybody[::step], orders[::step], engine=engine or DuckDb(memory="512MB", threads=1))
    file = asked(**{"population": {"did": "purchase"}, **more})
    made = ClusterWorld(world, file, MemoryHistory(), world.dataset(), {})
    return made.using(None)
