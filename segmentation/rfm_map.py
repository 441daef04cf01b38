"""RFM at a glance: how many people have which scores, what they are worth, and how big each of the eleven groups is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from passerelle.segmentation.compile.events import MICRO, scaled_sum
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, evaluating
from passerelle.segmentation.history import MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.rfm import BINS, NAMES, group
from passerelle.segmentation.rules import Rfm, ValueType
from passerelle.segmentation.wrong import model_place


@dataclass(frozen=True, slots=True)
class Worth:
    """How many people, and the mean of their money, in stored units: cents, where it is money."""

    people: int
    mean: float


@dataclass(frozen=True, slots=True)
class RfmMap:
    """People with scores, by (recency, frequency), and by group. What holds fewer than `minimum` people is missing."""

    bins: int
    cells: Mapping[tuple[int, int], Worth]
    groups: Mapping[str, Worth]
    """By name; none where there are not five scores."""
    small: int
    """Cells with people in them, but too few to be told."""
    money: ValueType


def map_rfm(
    *, model: ModelFile, segments: Mapping[str, SegmentFile], dataset: Dataset, as_of: int, minimum: int
) -> RfmMap:
    """The map at the instant `as_of` (µs UTC). Raises `Misdefined` where model.yaml has no scores."""
    with evaluating(
        [],
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=MemoryHistory(),
        extra=["rfm.r", "rfm.f", "rfm.m"],
    ) as run:
        return mapped(run, run.resolver.rfm(model_place()), minimum)


def mapped(run: Evaluation, rfm: Rfm, minimum: int) -> RfmMap:
    """The map of an open run that rests on these scores."""
    scores = {part: run.compiler.score(part, rfm) for part in ("r", "f", "m")}
    table = run.compiler.people.select(value=run.compiler.value(rfm.monetary), **scores)
    table = table.filter(table.r.notnull(), table.f.notnull(), table.m.notnull())
    kind = rfm.monetary.type
    counted = table.group_by(["r", "f", "m"]).aggregate(n=table.count(), total=scaled_sum(table.value, kind, None))
    rows = run.session.fetch(counted).to_pylist()
    people, totals = Counter[object](), Counter[object]()
    for row in rows:
        r, f, m, n = (int(row[key]) for key in ("r", "f", "m", "n"))
        for key in ((r, f), *([group(r, f, m)] if rfm.bins == BINS else [])):
            people[key] += n
            totals[key] += int(row["total"])
    scale = 1 if kind.whole else MICRO
    found = {
        key: Worth(n, float(Fraction(totals[key], n * scale))) for key, n in people.items() if n >= max(minimum, 1)
    }
    cells = {key: worth for key, worth in sorted(found.items(), key=str) if isinstance(key, tuple)}
    return RfmMap(
        rfm.bins,
        cells,
        {name: found[name] for name in NAMES if name in found},
        sum(isinstance(key, tuple) for key in people) - len(cells),
        kind,
    )
