"""Who is in a segment at one instant, and what that rests on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from passerelle.segmentation.adapt import InForce
from passerelle.segmentation.learning.unfit import Unfit


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A fitted model that a segment rests on."""

    kind: Literal["cluster", "score"]
    name: str
    version: str
    as_of: int
    """Of its fit, µs UTC."""
    quality: float
    """What its gate looks at: of a cluster its stability (adjusted Rand index), of a score its AUC."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is in a segment, at one instant, by one version of its rules."""

    name: str
    subject_ids: pa.Int64Array
    """Sorted, each once; without the holdout."""
    as_of: int
    """µs since 1970 UTC."""
    version: str
    """SHA-256 of the definition with everything in it that it refers to."""
    population: int
    """How many people there are at all."""
    excluded: int
    """Fulfilled `where`, and were taken out by `exclude`."""
    control: pa.Int64Array
    """Would be in, and are kept out by the holdout. Sorted, each once."""
    thresholds: tuple[InForce, ...] = ()
    warnings: tuple[str, ...] = ()
    splits: Mapping[str, pa.Int64Array] = field(default_factory=dict)
    """Members by split, where there are splits; the rest is in none."""
    models: tuple[ModelUsed, ...] = ()
    """That it rests on."""
    held: Unfit | None = None
    """Why nobody may be chosen: a model may not be relied on. Nobody is in then, and nobody has left."""
    values: Mapping[str, pa.DoubleArray] = field(default_factory=dict)
    """Traits that were asked for, aligned with `subject_ids`: null where missing; money as euros and cents."""
    unsaid: Mapping[str, Unfit] = field(default_factory=dict)
    """Traits that were asked for and are told of nobody, since a score may not be relied on; and why."""

    @property
    def size(self) -> int:
        """How many are in."""
        return len(self.subject_ids)

    @property
    def held_out(self) -> int:
        """How many the holdout keeps out."""
        return len(self.control)

    def held_back(self, held: Unfit, traits: Iterable[str]) -> "Membership":
        """The same segment without anybody, since a model may not be relied on; `traits` are told of nobody."""
        none = pa.array([], pa.int64())
        values = {trait: pa.array([], pa.float64()) for trait in traits}
        return Membership(self.name, none, self.as_of, "", self.population, 0, none, held=held, values=values)
