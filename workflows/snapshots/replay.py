"""Compute a snapshot again from the same inputs, and say whether the members are the same to the byte."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from passerelle.segmentation import Dataset, evaluate
from passerelle.workflows.engine import Unsaved, dataset
from passerelle.workflows.segments.small import SMALL_GROUP
from passerelle.workflows.snapshots.inputs import moved, rules_of, tables_then, with_models
from passerelle.workflows.snapshots.manifest import Manifest, ThresholdThen, digest_of
from passerelle.workflows.snapshots.taking import people_of, shelf_of, thresholds_of

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it.

    `missing`: inputs that are gone; then nothing was computed, and nobody knows whether it is the same. `changed`: what
    else is not what it was. `only_then` and `only_now`: how many people.
    """

    manifest: Manifest
    missing: tuple[str, ...]
    changed: tuple[str, ...] = ()
    digest: str = ""
    count: int = 0
    only_then: int = 0
    only_now: int = 0

    @property
    def same(self) -> bool | None:
        """Whether the members are the same to the byte; None where that cannot be told."""
        return None if self.missing else self.digest == self.manifest.members.digest


def replay(workspace: "Workspace", manifest: Manifest) -> Replayed:
    """Compute the members of a snapshot again, with the rules, files, models and the instant that it names.

    Raises `IntegrityError` where the snapshot itself is not what was kept.
    """
    shelf = shelf_of(workspace)
    then, documents = shelf.members(manifest), shelf.definition(manifest)
    rules, today = rules_of(documents), dataset(workspace)
    gone: list[str] = []
    data = Dataset(
        tables_then(workspace, manifest.tables, gone), merges=today.merges, gone=today.gone, engine=today.engine
    )
    data = with_models(workspace, data, rules, manifest.models, gone)
    changed = moved(workspace, manifest, people_of(today))
    if gone:
        return Replayed(manifest, tuple(gone), tuple(changed))
    found = evaluate(
        [manifest.segment],
        model=rules.model,
        segments=rules.segments,
        dataset=data,
        as_of=manifest.as_of,
        history=Unsaved(workspace.store()),
    )[manifest.segment]
    if found.held is not None:
        return Replayed(manifest, (found.held.reason,), tuple(changed))
    if found.version != manifest.version:
        changed.append("The same documents mean something else to this version of the program.")
    changed += _moved_thresholds(manifest.thresholds, thresholds_of(found))
    members = found.subject_ids.to_numpy()
    return Replayed(
        manifest,
        (),
        tuple(changed),
        digest_of(members),
        len(members),
        len(np.setdiff1d(then, members, assume_unique=True)),
        len(np.setdiff1d(members, then, assume_unique=True)),
    )


def _moved_thresholds(then: Sequence[ThresholdThen], now: Sequence[ThresholdThen]) -> Iterator[str]:
    """Thresholds that are not what they were, in sentences; of groups of few people without their values."""
    old, new = ({(each.name, each.group): each for each in side} for side in (then, now))
    for key in sorted(old.keys() | new.keys()):
        pair = (old.get(key), new.get(key))
        before, after = (None if each is None else each.value for each in pair)
        if before == after:
            continue
        called = f"The threshold {' for '.join(word for word in key if word)}"
        if any(each is not None and each.people is not None and each.people < SMALL_GROUP for each in pair):
            yield f"{called} is another."
        else:
            shown = ["not there" if each is None else each.shown for each in pair]
            yield f"{called} was {shown[0]}, and is {shown[1]}."
