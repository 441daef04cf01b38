"""Hidden states of a journey, found: how many, what each shows, where each leads, and who is in which now."""

from importlib.metadata import version

import numpy as np

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.clusters.alignment import aligned
from passerelle.segmentation.clusters.file import ClusterFile, Range
from passerelle.segmentation.clusters.measures import agreement
from passerelle.segmentation.clusters.model import NONE, Alignment, Axes, ClusterModel, Group, HiddenStates
from passerelle.segmentation.clusters.states import chances_of, seen_in, standing_in, symbols_of
from passerelle.segmentation.journeys.hidden import NOTHING, Hidden, Seen, criterion, fit, improved, now, occupied
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.people import Looked
from passerelle.segmentation.learning.sample import Labels, drawn

_BEGINNINGS = 3
_STABLE, _ROUNDS = 500, 15
_SHOWN, _SAID = 3, 0.05


def fit_states(file: ClusterFile, looked: Looked, previous: ClusterModel | None) -> ClusterModel:
    """The hidden states that these people's journeys speak for; labels go on from `previous`, if it shows the same.

    States are numbered by how much of what was seen falls into them. One in which fewer than `minimum_group` people are
    now is no group. Raises `HeldBack` for too few people, or fewer than two groups.
    """
    raw = looked.raw
    symbols, digest = symbols_of(raw)
    acted = raw.filter(np.diff(raw["seen"].combine_chunks().offsets.to_numpy()) > 0)
    least = 3 * file.minimum_group
    if acted.num_rows < least:
        raise HeldBack(
            f"{acted.num_rows} people went any way of `{file.journey}`: at least {least} are needed.",
            advice="Widen `population` or the journey, or pull more data.",
        )
    picked = drawn(acted["subject_id"].to_numpy(), file.most, file.seed)
    seen = seen_in(acted.take(picked))
    best, scores = _best(file, seen, len(symbols))
    best = best.ordered(np.argsort(-occupied(seen, best), kind="stable"))
    hidden = HiddenStates(
        journey=file.journey or "",
        journey_digest=digest,
        symbols=symbols,
        start=_plain(best.start),
        moves=[_plain(row) for row in best.moves],
        shows=[_plain(row) for row in best.shows],
        criterion={states: short(score) for states, score in scores.items()},
        observations=int((seen != NOTHING).sum()),
    )
    model = _unnamed(file, looked, hidden, people=acted.num_rows, sampled=len(picked))
    labels, _ = standing_in(model, raw)
    sizes = {label: int((labels == label).sum()) for label in model.labels}
    kept = [label if sizes[label] >= file.minimum_group else NONE for label in model.labels]
    if len(set(kept) - {NONE}) < 2:  # noqa: PLR2004 - one group tells nobody apart
        raise HeldBack(
            f"Fewer than two hidden states have {file.minimum_group} people or more.",
            advice="Ask for another number of `groups`, or look at another journey.",
        )
    renamed, alignment, next_label = _aligned(model, kept, labels, looked, previous)
    named = [renamed.get(label, NONE) for label in kept]
    return model.model_copy(
        update={
            "labels": named,
            "groups": [
                _group(hidden, place, named, sizes[place + 1]) for place, label in enumerate(named) if label != NONE
            ],
            "stability": short(_stability(seen, best, file)),
            "alignment": alignment,
            "next_label": next_label,
        }
    )


def _best(file: ClusterFile, seen: Seen, symbols: int) -> tuple[Hidden, dict[int, float]]:
    """The model of the best number of states, and how good each number is."""
    asked = file.groups
    numbers = range(asked.from_, asked.to + 1) if isinstance(asked, Range) else [asked or 2]
    many = int((seen != NOTHING).sum())
    beginnings = range(file.seed, file.seed + _BEGINNINGS)
    fits = {states: fit(seen, states, symbols, seeds=beginnings) for states in numbers}
    scores = {states: criterion(likely, states, symbols, many) for states, (_, likely) in fits.items()}
    return fits[min(scores, key=lambda states: scores[states])][0], scores


def _stability(seen: Seen, best: Hidden, file: ClusterFile) -> float:
    """The mean adjusted Rand index of who is where now, by this model and by those of people drawn with replacement.

    Each begins at this model's numbers: it says whether other people move them, not whether other numbers do as well.
    """
    few = seen[:_STABLE]
    reference = now(few, best)[0]
    found = []
    for number in range(file.stability.rounds):
        drawn_again = np.random.default_rng([file.seed, 3, number]).choice(len(few), len(few))
        other, _ = improved(few[np.sort(drawn_again)], best, rounds=_ROUNDS)
        found.append(agreement(reference, now(few, other)[0]))
    return float(np.mean(found))


def _aligned(
    model: ClusterModel, kept: list[int], labels: Labels, looked: Looked, before: ClusterModel | None
) -> tuple[dict[int, int], Alignment, int]:
    there = [label for label in kept if label != NONE]
    if before is None:
        return {label: number for number, label in enumerate(there, 1)}, Alignment(), len(there) + 1
    old, new = before.hidden, model.hidden
    same = old is not None and new is not None
    if old is None or new is None or (old.symbols, old.journey_digest) != (new.symbols, new.journey_digest) or not same:
        renamed = {label: before.next_label + place for place, label in enumerate(there)}
        told = Alignment(new=list(renamed.values()), ended=[group.label for group in before.groups])
        next_label = before.next_label + len(there)
    else:
        middles = {label: row for label, row in zip(before.labels, chances_of(old).shows, strict=True) if label != NONE}
        shows = {label: row for label, row in zip(kept, chances_of(new).shows, strict=True) if label != NONE}
        shown = np.where(np.isin(labels, there), labels, NONE)
        renamed, told, next_label = aligned(
            standing_in(before, looked.raw)[0], middles, shown, shows, before.next_label
        )
    return renamed, told.model_copy(update={"previous": before.version}), next_label


def _group(hidden: HiddenStates, place: int, labels: list[int], size: int) -> Group:
    return Group(
        label=labels[place],
        size=size,
        centre=hidden.shows[place],
        figures=[],
        words=_words(hidden, place, labels),
        middle=(0.0, 0.0),
        spread=(0.0, 0.0, 0.0),
    )


def _words(hidden: HiddenStates, place: int, labels: list[int]) -> str:
    """What people in a state do, and where they go from there."""
    shows = sorted(zip(hidden.shows[place], hidden.symbols, strict=True), reverse=True)
    seen = ", ".join(f"{symbol} {100 * share:.0f} %" for share, symbol in shows[:_SHOWN] if share >= _SAID)
    leads = [
        (share, labels[other])
        for other, share in enumerate(hidden.moves[place])
        if other != place and share >= _SAID and labels[other] != NONE
    ]
    on = ", ".join(f"{label} ({100 * share:.0f} %)" for share, label in sorted(leads, reverse=True)[:_SHOWN])
    stays = f"stay {100 * hidden.moves[place][place]:.0f} %"
    return f"{seen}; {stays}" + (f", go on to {on}" if on else "")


def _unnamed(file: ClusterFile, looked: Looked, hidden: HiddenStates, *, people: int, sampled: int) -> ClusterModel:
    """The model before its groups have names: states are numbered from 1."""
    states = len(hidden.start)
    return ClusterModel(
        cluster=file.cluster,
        definition=file.digest,
        snapshot=looked.snapshot,
        as_of=looked.as_of,
        seed=file.seed,
        made_with={"numpy": version("numpy")},
        method=file.method,
        settings={"groups": states},
        people=people,
        sampled=sampled,
        left_out=looked.raw.num_rows - people,
        features=[],
        axes=Axes(mean=[], directions=[], shares=[], loadings=[], turned_shares=[]),
        reduced=False,
        points=[],
        labels=list(range(1, states + 1)),
        reach={},
        groups=[],
        silhouette=0.0,
        calinski_harabasz=0.0,
        stability=0.0,
        agreement=1.0,
        hidden=hidden,
        next_label=states + 1,
        minimum_group=file.minimum_group,
    )


def _plain(values: Matrix) -> list[float]:
    return [short(float(value)) for value in values]
