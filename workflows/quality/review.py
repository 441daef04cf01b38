"""Pairs for people to judge, and what their judgement says of the threshold.

A line has two references, a probability and how far each field agrees, and no identifier: who reads it learns nothing
that would tell who these people are. Lines are drawn from strata of probability, some from each, so that those that
were judged stand for all pairs of their stratum.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from passerelle.privacy.duplicates.levels import LEVELS
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.quality.people import Probable

_EDGES = (0.01, 0.1, 0.25, 0.5, 0.7, 0.85, 0.95, 1.0)
FEWEST_LABELS = 30
"""From fewer labels no threshold is suggested."""
LOWEST = 0.5
"""The lowest threshold that quality.yaml takes."""
_LABELS = {"same": True, "different": False}
_OWN = ("subject_ref", "other_ref", "probability", "stratum", "pairs_in_stratum")


@dataclass(frozen=True, slots=True)
class Judged:
    """One line that somebody judged."""

    stratum: int
    pairs: int
    probability: float
    same: bool
    refs: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Estimates for all pairs from the threshold on; recall is of the pairs that were compared at all."""

    threshold: float
    precision: float | None
    recall: float | None


def write_review(probable: Probable, path: Path, *, per_stratum: int) -> int:
    """Write a new file of lines that nobody judged yet; how many. Raises `DefinitionError` where the file is there."""
    found = probable.found
    left, right = (side.to_pylist() for side in probable.refs)
    strata = np.clip(np.searchsorted(_EDGES, found.probability, side="right") - 1, 0, len(_EDGES) - 2)
    lines: list[list[object]] = []
    for stratum in range(len(_EDGES) - 1):
        places = np.flatnonzero((strata == stratum) & ~probable.judged).tolist()
        drawn = sorted(places, key=lambda at: hashlib.sha256(f"{left[at]}{right[at]}".encode()).digest())[:per_stratum]
        for at in drawn:
            levels = [(*LEVELS, "missing")[level] for level in found.levels[at].tolist()]
            lines.append([left[at], right[at], f"{found.probability[at]:.4f}", stratum, len(places), *levels, ""])
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*_OWN, *(column.name for column in found.columns), "label"])
            writer.writerows(lines)
    except FileExistsError:
        raise DefinitionError(f"{path.name} is there already.", advice="Name another file; labels are work.") from None
    except OSError as problem:
        raise DefinitionError(f"{path.name} cannot be written: {problem.strerror}.") from None
    return len(lines)


def read_review(path: Path) -> list[Judged]:
    """The lines whose label is `same` or `different`; an empty label is not judged yet."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [judged for number, line in enumerate(csv.DictReader(file), 2) if (judged := _judged(line, number))]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DefinitionError(f"{path.name} cannot be read ({type(problem).__name__}).") from None


def calibrate(judged: Sequence[Judged], thresholds: Sequence[float]) -> list[Calibrated]:
    """Precision and recall by threshold. A judged line stands for as many pairs as its stratum has per judged line."""
    in_stratum: dict[int, list[Judged]] = defaultdict(list)
    for line in judged:
        in_stratum[line.stratum].append(line)
    weighed = [(line.pairs / len(lines), line) for lines in in_stratum.values() for line in lines]
    same = sum(weight for weight, line in weighed if line.same)
    told = []
    for threshold in thresholds:
        above = [(weight, line.same) for weight, line in weighed if line.probability >= threshold]
        right = sum(weight for weight, is_same in above if is_same)
        whole = sum(weight for weight, _ in above)
        told.append(Calibrated(threshold, right / whole if whole else None, right / same if same else None))
    return told


def suggested(judged: Sequence[Judged], *, precision: float) -> Calibrated | None:
    """The lowest threshold whose estimated precision is at least `precision`: of those, it finds most.

    None where fewer than `FEWEST_LABELS` are judged, where they are all of one kind, or where no threshold reaches it.
    """
    if len(judged) < FEWEST_LABELS or len({line.same for line in judged}) < 2:  # noqa: PLR2004 - same and different
        return None
    reached = [
        told
        for told in calibrate(judged, sorted({max(line.probability, LOWEST) for line in judged}))
        if told.precision is not None and told.precision >= precision
    ]
    return min(reached, key=lambda told: told.threshold, default=None)


def _judged(line: dict[str, str], number: int) -> Judged | None:
    label = (line.get("label") or "").strip().lower()
    if not label:
        return None
    if label not in _LABELS:
        raise DefinitionError(f"Line {number}: the label must be `same` or `different`, or empty.")
    try:
        stratum, pairs, probability = int(line["stratum"]), int(line["pairs_in_stratum"]), float(line["probability"])
        refs = (line["subject_ref"], line["other_ref"])
    except (KeyError, TypeError, ValueError):
        raise DefinitionError(f"Line {number} is not as it was written.", advice="Change the labels alone.") from None
    return Judged(stratum, pairs, probability, _LABELS[label], refs)
