"""Segments of a workspace beside each other, beside everybody, and from month to month. Nothing is saved."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.measurement.makeup import Figures, Values, makeup
from passerelle.segmentation.measurement.months import Months, by_month
from passerelle.segmentation.measurement.overlap import Overlap, overlap
from passerelle.segmentation.measurement.statistics import need_scipy
from passerelle.workflows.engine import Unsaved, dataset, located
from passerelle.workflows.segments.small import SMALL_GROUP

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def overlap_of(workspace: "Workspace", names: Sequence[str], *, as_of: int) -> Overlap:
    """How many people these segments share."""
    with located(workspace):
        return overlap(list(dict.fromkeys(names)), **_asked(workspace, as_of))


def makeup_of(workspace: "Workspace", name: str, dimensions: Sequence[str], *, as_of: int) -> list[Values | Figures]:
    """Who the segment's people are beside all others; by default by every demographic trait."""
    chosen = list(dict.fromkeys(dimensions)) or [
        trait for trait, each in workspace.model.traits.items() if each.dimension == "demographic"
    ]
    if not chosen:
        raise DefinitionError(
            "model.yaml has no demographic trait.",
            advice="Name traits or attributes with --by, or give traits a `dimension: demographic`.",
        )
    need_scipy()
    with located(workspace):
        return makeup(name, chosen, **_asked(workspace, as_of), minimum=SMALL_GROUP)


def months_of(workspace: "Workspace", name: str, measure: str, months: int, *, as_of: int) -> Months:
    """What the segment's people of today did in the last complete months."""
    with located(workspace):
        return by_month(name, measure, months, **_asked(workspace, as_of))


def usual_measure(workspace: "Workspace") -> str:
    """What people's money is, by model.yaml's scores. Raises `DefinitionError` where there are none."""
    if workspace.model.rfm is None:
        raise DefinitionError("model.yaml has no `rfm:`.", advice="Name a trait with --measure, such as revenue_365d.")
    return workspace.model.rfm.monetary


def _asked(workspace: "Workspace", as_of: int) -> dict[str, Any]:
    return {
        "model": workspace.model,
        "segments": workspace.segments,
        "dataset": dataset(workspace),
        "as_of": as_of,
        "history": Unsaved(workspace.store()),
    }
