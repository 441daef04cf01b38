"""Rules that choose people, compiled to Ibis.

`evaluate` gives the people of segments at one instant; `evaluating` keeps the run open for `preview` and `explain`.
"""

from typing import TYPE_CHECKING, Any

from passerelle.segmentation.language.documents import ModelFile, SegmentFile

if TYPE_CHECKING:
    from passerelle.segmentation.adapt import InForce
    from passerelle.segmentation.course import Course, courses
    from passerelle.segmentation.dataset import Dataset, DatasetTable
    from passerelle.segmentation.draw import holdout
    from passerelle.segmentation.evaluation import Evaluation, Membership, check, evaluate, evaluating
    from passerelle.segmentation.figures import Preview, preview
    from passerelle.segmentation.fitting import fit
    from passerelle.segmentation.history import History, MemoryHistory, ThresholdValue
    from passerelle.segmentation.reasons import Explained, explain
    from passerelle.segmentation.rfm_map import RfmMap, map_rfm
    from passerelle.segmentation.wrong import Misdefined

__all__ = [
    "Course",
    "Dataset",
    "DatasetTable",
    "Evaluation",
    "Explained",
    "History",
    "InForce",
    "Membership",
    "MemoryHistory",
    "Misdefined",
    "ModelFile",
    "Preview",
    "RfmMap",
    "SegmentFile",
    "ThresholdValue",
    "check",
    "courses",
    "evaluate",
    "evaluating",
    "explain",
    "fit",
    "holdout",
    "map_rfm",
    "preview",
]

_PLACES = {
    "Course": "course",
    "Dataset": "dataset",
    "DatasetTable": "dataset",
    "Evaluation": "running",
    "Explained": "reasons",
    "History": "history",
    "InForce": "adapt",
    "Membership": "running",
    "MemoryHistory": "history",
    "Misdefined": "wrong",
    "Preview": "figures",
    "RfmMap": "rfm_map",
    "ThresholdValue": "history",
    "check": "evaluation",
    "courses": "course",
    "evaluate": "evaluation",
    "evaluating": "evaluation",
    "explain": "reasons",
    "fit": "fitting",
    "holdout": "draw",
    "preview": "figures",
    "map_rfm": "rfm_map",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Load the engine only when it is asked for: reading settings needs the two models alone."""
    if name not in _PLACES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"passerelle.segmentation.{_PLACES[name]}"), name)
