"""How thresholds went from run to run, and what they are now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from passerelle.segmentation.adapt import InForce
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, evaluating
from passerelle.segmentation.history import History, ThresholdValue
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.rules import ValueType


@dataclass(frozen=True, slots=True)
class Course:
    """One threshold for one group: what it is now, and the values of earlier runs, the oldest first."""

    now: InForce
    type: ValueType
    past: tuple[ThresholdValue, ...]


def courses(
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
) -> list[Course]:
    """The course of each named threshold of model.yaml, by group, at the instant `as_of` (µs UTC). Nothing is saved."""
    with evaluating(
        [], model=model, segments=segments, dataset=dataset, as_of=as_of, history=history, thresholds=names
    ) as run:
        return courses_of(run, history)


def courses_of(run: Evaluation, history: History) -> list[Course]:
    """The course of every threshold that an open run rests on, by group."""
    found: list[Course] = []
    for label, reference in run.references.items():
        past = [value for value in history.series(label) if value.as_of < run.as_of]
        for item in run.in_force[label]:
            own = tuple(value for value in past if value.group == item.group)
            found.append(Course(item, reference.threshold.type, own))
    return found
