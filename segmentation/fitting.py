"""Fitting scaled traits: the least and the greatest value, or the mean and the standard deviation, of stated people."""

from collections.abc import Mapping
from decimal import Decimal

import ibis

from passerelle.segmentation.compile import thresholds
from passerelle.segmentation.compile.events import MICRO
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.evaluation import evaluating
from passerelle.segmentation.fitted import LEAST, Fitted, Scaled, method
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.language.traits import MinMaxTrait
from passerelle.segmentation.rules import digest
from passerelle.segmentation.wrong import model_place

_MEAN, _DEVIATION = Decimal(0), Decimal(1)


def fit(
    name: str,
    version: int,
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History | None = None,
) -> Fitted:
    """Fit a scaled trait at the instant `as_of` (µs UTC): least and greatest, or mean and standard deviation.

    `history`: against which guards hold the thresholds of the segment that it is fitted on; nothing is saved there.
    Raises `Misdefined` where it cannot be scaled, or where its people are too few or all alike.
    """
    place = model_place() / "traits" / name
    trait = model.traits.get(name)
    if not isinstance(trait, Scaled):
        known = [word for word, other in model.traits.items() if isinstance(other, Scaled)]
        raise place.unknown("scaled trait", name, known)
    of_name, among = trait.min_max if isinstance(trait, MinMaxTrait) else trait.z_score, trait.among
    with evaluating(
        [] if among is None else [among],
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=history if history is not None else MemoryHistory(),
        extra=[of_name],
    ) as run:
        of = run.resolver.catalogue.trait(of_name, place / method(trait))
        wanted = ibis.literal(True) if among is None else run.compiler.segment(run.segments[among])
        table = run.compiler.people.select(v=run.compiler.value(of), g=0, wanted=wanted)
        values = table.filter(table.wanted, table.v.notnull()).select("g", "v")
        n, shift, scale = _numbers(run.session, values, method(trait), whole=of.type.whole)
    if n < LEAST:
        raise place.wrong(f"Only {n} people have a value: {LEAST} are needed." if n else "Nobody has a value.")
    if not scale:
        raise place.wrong("All have the same value, so there is no scale.")
    return Fitted(
        version=version,
        method=method(trait),
        definition=digest(of),
        among=among or "",
        as_of=as_of,
        people=n,
        shift=shift,
        scale=scale,
    )


def _numbers(session: Session, values: Expr, by: str, *, whole: bool) -> tuple[int, Decimal, Decimal]:
    """How many people have a value, the shift and the scale; 0 for nobody."""
    if by == "min_max":
        row = session.fetch(thresholds.extent(values, whole=whole)).to_pylist()[0]
        low, high = (Decimal(int(row[key] or 0)) / (1 if whole else MICRO) for key in ("low", "high"))
        return int(row["n"]), low, high - low
    rows = session.fetch(thresholds.moments(values, whole=whole)).to_pylist()
    if not rows:
        return 0, _MEAN, _MEAN
    n, total, squares = (rows[0][key] for key in ("n", "total", "squares"))
    mean, above = (thresholds.z_value(each, n, total, squares, whole=whole) for each in (_MEAN, _DEVIATION))
    return int(n), mean or _MEAN, (above or _MEAN) - (mean or _MEAN)
