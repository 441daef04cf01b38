"""What is told beside segments, on the matrix's world: journeys, measurement, and what models are learnt from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from passerelle.segmentation import Dataset, MemoryHistory, ModelFile, SegmentFile, evaluating, explain, fit, map_rfm
from passerelle.segmentation.clusters.people import look
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.fitted import Scaled
from passerelle.segmentation.journeys.funnels import funnel_figures
from passerelle.segmentation.journeys.ladders import ladder_figures, standing
from passerelle.segmentation.journeys.ways import journey_figures
from passerelle.segmentation.measurement.makeup import makeup
from passerelle.segmentation.measurement.months import by_month
from passerelle.segmentation.measurement.outcomes import GROUPS, measured
from passerelle.segmentation.measurement.overlap import overlap
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.resolve_journeys import LADDER
from passerelle.segmentation.scores.people import learnable
from tests.segmentation.engines import matrix
from tests.segmentation.world import DAY, T

SEGMENTS = ("lapsing_champions", "newsletter_readers", "cart_abandoners")
DIMENSIONS = ("loyalty", "spent", "mean_dwell", "orders_365d", "score.worth", "cluster.kinds")


@dataclass(frozen=True)
class Told:
    """Figures that are computed on one engine."""

    model: ModelFile
    segments: dict[str, SegmentFile]
    dataset: Dataset

    @property
    def asked(self) -> dict[str, Any]:
        return {"model": self.model, "segments": self.segments, "dataset": self.dataset, "as_of": T}

    @property
    def resolver(self) -> Resolver:
        return Resolver.of(self.model, self.segments, self.dataset)

    def journeys(self) -> Iterator[tuple[str, object]]:
        ladder = next(iter(self.model.ladders))
        on_it = [f"{LADDER}{ladder}"]
        with evaluating(on_it, **(self.asked | {"as_of": T - 30 * DAY}), history=MemoryHistory()) as run:
            before = standing(run, ladder)
        with evaluating(on_it, **self.asked, history=MemoryHistory(), extra=["loyalty"]) as run:
            yield ladder, ladder_figures(run, ladder, minimum=2, before=before, since=T - 30 * DAY)
            for name in self.model.funnels:
                yield name, funnel_figures(run, name, minimum=2, by="loyalty")
            for name in self.model.journeys:
                yield name, journey_figures(run, name, minimum=2)

    def measurement(self) -> Iterator[tuple[str, object]]:
        history: dict[str, Any] = {"history": MemoryHistory()}
        yield "overlap", overlap(SEGMENTS, **self.asked, **history)
        for found in makeup(SEGMENTS[2], DIMENSIONS, **self.asked, **history, minimum=2):
            yield f"makeup by {found.by}", found
        for measure in ("revenue_365d", "dwell"):
            yield measure, by_month(SEGMENTS[2], measure, 3, **self.asked, **history)
        people = list(range(1, 200))
        arms = {"subject_id": people, "arm": [("sent", "held_out")[each % 2] for each in people]}
        groups = pa.table(arms | {"since": [T - each * DAY // 4 for each in people]}, GROUPS)
        for one in measured(groups, ["orders_365d", "revenue_365d", "dwell"], length=30 * DAY, **self.asked):
            yield f"outcome of {one.measure}", one
        yield "rfm", map_rfm(**self.asked, minimum=2)
        yield "why", explain(SEGMENTS[0], 17, **self.asked)

    def learning(self) -> Iterator[tuple[str, object]]:
        history = MemoryHistory()
        for name in (name for name, trait in self.model.traits.items() if isinstance(trait, Scaled)):
            yield f"numbers of {name}", fit(name, 1, **self.asked)
        raw = look("kinds", self.resolver, self.dataset, as_of=T, history=history).raw
        yield "what a cluster is found in", raw.to_pydict()
        for name, file in self.dataset.scores.files.items():
            looked = learnable(name, file, self.resolver, self.dataset, as_of=T, history=history)
            found = [(cut.at, cut.raw.to_pydict(), cut.outcome.tolist()) for cut in looked.cuts]
            yield f"what the score {name} is learnt from", found


def figures(folder: Path, engine: Engine) -> dict[str, object]:
    """Everything by its name."""
    told = Told(matrix.modelled(), matrix.written(), matrix.dataset(folder, engine))
    return dict([*told.journeys(), *told.measurement(), *told.learning()])
