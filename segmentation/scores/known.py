"""What a workspace knows of scores: what was asked for, what was fitted, and whether that may be relied on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from passerelle.segmentation.language.documents import RequiredModel
from passerelle.segmentation.learning.unfit import Unfit, another, stale
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.model import ScoreModel


@dataclass(frozen=True, slots=True)
class Scores:
    """The files of scores/ by name, and the model in use of each that was fitted."""

    files: Mapping[str, ScoreFile] = field(default_factory=dict)
    models: Mapping[str, ScoreModel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoreStanding:
    """How a model does on the people of one run."""

    people: int
    mean: float
    """Of the score."""
    drift: float
    """The greatest population stability index, against the people of the test: of the score, or of a column."""
    drifted: str
    """Of which."""


def unfit(known: Scores, name: str, require: RequiredModel | None, as_of: int) -> Unfit | None:
    """Why nobody may be chosen by the score `name`, as far as that is known before people are looked at."""
    file, model = known.files[name], known.models.get(name)
    again = f"Run `passerelle score fit {name}`."
    if model is None:
        return Unfit(f"The score `{name}` has not been fitted yet.", again)
    if model.definition != file.digest:
        return Unfit(f"scores/{name}.yaml asks for something else than what was fitted.", again)
    least = _stricter(max, file.gates.min_auc, require.min_auc if require else None)
    if model.quality.auc < least:
        return Unfit(
            f"The score `{name}` is weak: its AUC is {model.quality.auc:.3f}, at least {least:.3f} is asked.",
            f"Give it other features or more past moments; `passerelle score show {name}` says what matters.",
        )
    most = _stricter(min, file.gates.max_calibration_error, require.max_calibration_error if require else None)
    if model.quality.calibration_error > most:
        return Unfit(
            f"The score `{name}` is not calibrated: what it expects is off by {model.quality.calibration_error:.3f}, "
            f"at most {most:.3f} is allowed.",
            f"Fit it on more people or more past moments; `passerelle score report {name}` draws both.",
        )
    if (old := stale(model, file.gates.max_age, as_of, verb="score")) is not None:
        return old
    return another(model, require, as_of, verb="score") if require is not None else None


def drifted(known: Scores, name: str, standing: ScoreStanding, require: RequiredModel | None) -> Unfit | None:
    """Why nobody may be chosen by the score `name`, now that people were looked at."""
    most = _stricter(min, known.files[name].gates.max_drift, require.max_drift if require else None)
    if standing.drift <= most:
        return None
    return Unfit(
        f"Today's people are no longer those whom the score `{name}` knows: {standing.drifted} moved "
        f"(PSI {standing.drift:.2f}, at most {most:.2f} is allowed).",
        f"See what changed with `passerelle quality report`; if it is meant, run `passerelle score fit {name}`.",
    )


def _stricter(which: Callable[[Decimal, Decimal], Decimal], own: Decimal, asked: Decimal | None) -> float:
    return float(own if asked is None else which(own, asked))
