"""Thresholds of a workspace: how they went, and a jump that a person accepts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import Course, ThresholdValue, courses
from passerelle.workflows.engine import StoredHistory, dataset, instant, located

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def threshold_courses(workspace: "Workspace", names: Sequence[str], *, now: int) -> list[Course]:
    """How each named threshold went (all of model.yaml, if none is named), and what it is now. Nothing is saved."""
    with located(workspace):
        return courses(
            list(names) or list(workspace.model.thresholds),
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=instant(None, now),
            history=StoredHistory(workspace.store()),
        )


def accept_jump(
    workspace: "Workspace", name: str, group: str | None, *, reason: str, run: str, now: int
) -> list[Course]:
    """Take the new values of a threshold that its guard keeps out, for all groups or one; the log says why.

    They stand from this hour on, and the next runs are held against them. Raises `DefinitionError` where no value is
    kept.
    """
    kept = [
        course
        for course in threshold_courses(workspace, [name], now=now)
        if course.now.kept and group in {None, course.now.group}
    ]
    if not kept:
        raise DefinitionError(
            "No guard keeps a value of this threshold" + ("." if group is None else " for this group."),
            advice=f"See what is in force: `passerelle segment thresholds {name}`.",
        )
    as_of = instant(None, now)
    values = [
        ThresholdValue(name, course.now.group, as_of, course.now.computed, course.now.definition, accepted=True)
        for course in kept
    ]
    body = {
        "action": "threshold_accepted",
        "reason": reason,
        "run": run,
        "threshold": name,
        "definition": kept[0].now.definition,
        "groups": len(kept),
    }
    with workspace.store().write() as connection:
        workspace.log().append(connection, "operator", body, now=now)
        StoredHistory(workspace.store()).save_in(connection, values)
    return kept
