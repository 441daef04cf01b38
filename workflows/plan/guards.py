"""What holds a plan back until a person has looked. A removal that consent asks for is never held back."""

from dataclasses import dataclass, replace

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.plan.moves import NOBODY, Moves
from passerelle.workflows.plan.values import WHY_NOT

OVERRIDABLE = ("maximum_change", "empty_segment", "sensitive_name")
"""Guards that `--approve` may name. The minimum size is a promise to people and has no override."""

UNFIT_MODEL = "model"
"""A fitted model that the segment rests on is missing, stale or unstable. No override: nobody knows who is meant."""

MIXED = "values_mixed"
MIXED_ADVICE = (
    "An audience is made for people with values, or without, and stays so: put `value` back as it was, or give the "
    "audience another name (`audience:` and its file), which makes a new one at the platform."
)

JUMPED_ADVICE = (
    "A threshold jumped, so its guard keeps the value of the run before: `passerelle segment thresholds` shows both. "
    "If the jump is right: `passerelle segment accept THRESHOLD --reason …`."
)

CHOSEN = frozenset({"left_segment", "holdout", *WHY_NOT})
"""Causes of removal that come from a marketer's choice; all others come from the person or the platform."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the audience's guards and the policy ask for. `maximum_change` is a percentage of the present members."""

    minimum_size: int
    maximum_change: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """The moves that may be made now, and the names of the guards that hold the rest."""

    moves: Moves
    held: tuple[str, ...]
    held_adds: int
    held_removes: int
    overridden: tuple[str, ...] = ()
    """Guards that would have held something, had they not been approved."""


def guard(
    moves: Moves,
    limits: Limits,
    *,
    segment_size: int,
    stale: bool,
    approved: frozenset[str],
    unfit: bool = False,
    mixed: bool = False,
    model: bool = False,
) -> Guarded:
    """Hold back what the guards ask for.

    `stale`: a mandatory consent source is too old, so nobody is added. `unfit`: the platform is about to be told a name
    or description that it may block the audience for. `mixed`: people would come with values to an audience that was
    made without, or the other way round. `model`: a model that the segment rests on may not be relied on.
    """
    chosen = sum(len(ids) for cause, ids in moves.removes.items() if cause in CHOSEN)
    changed = len(moves.removes.get("identifiers_changed", NOBODY))
    after = moves.current + moves.fresh - (len(moves.leaving) - changed)
    held: list[str] = []
    if mixed:
        held.append(MIXED)
    if unfit:
        held.append("sensitive_name")
    if model:
        held.append(UNFIT_MODEL)
    elif moves.current and segment_size == 0:
        held.append("empty_segment")
    if moves.current and limits.maximum_change is not None and not model:
        share = 100.0 * (moves.fresh + chosen) / moves.current
        if share > limits.maximum_change:
            held.append("maximum_change")
    if len(moves.adds) and after < limits.minimum_size:
        held.append("minimum_size")
    if stale and len(moves.adds):
        held.append("consent_stale")
    overridden = tuple(name for name in held if name in approved)
    return replace(_hold(moves, tuple(name for name in held if name not in approved)), overridden=overridden)


def _hold(moves: Moves, held: tuple[str, ...]) -> Guarded:
    if not held:
        return Guarded(moves, held, 0, 0)
    removes = dict(moves.removes)
    removes.pop("identifiers_changed", None)  # nobody is taken out to be put in again later
    kept = 0
    if {"maximum_change", "empty_segment", UNFIT_MODEL} & set(held):
        kept = sum(len(removes.pop(cause)) for cause in CHOSEN & set(removes))
    return Guarded(replace(moves, adds=NOBODY, removes=removes), held, len(moves.adds), kept)


def overridden(names: list[str]) -> frozenset[str]:
    """The guards that `--approve` names. Raises `DefinitionError` for one that has no override."""
    for name in names:
        if name not in OVERRIDABLE:
            raise DefinitionError(
                "--approve names a guard that cannot be overridden.", advice=f"It may name {' or '.join(OVERRIDABLE)}."
            )
    return frozenset(names)
