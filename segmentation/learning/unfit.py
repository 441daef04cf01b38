"""Why a fitted model may not be relied on."""

from dataclasses import dataclass

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.language.documents import RequiredModel
from passerelle.segmentation.language.words import in_words
from passerelle.segmentation.learning.model import Fitted

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a model may not be relied on, and what to do."""

    reason: str
    advice: str

    @property
    def error(self) -> HeldBack:
        """To be raised by whoever can do nothing without it."""
        return HeldBack(self.reason, advice=self.advice)

    def __str__(self) -> str:
        return f"{self.reason} {self.advice}"


def stale(model: Fitted, most: int | None, as_of: int, *, verb: str) -> Unfit | None:
    """Whether a model is older than `most` seconds. `verb`: `cluster` or `score`."""
    if most is None or (as_of - model.as_of) // _SECOND <= most:
        return None
    name = model.called
    return Unfit(f"The model of `{name}` is more than {in_words(most)} old.", f"Run `passerelle {verb} fit {name}`.")


def another(model: Fitted, require: RequiredModel, as_of: int, *, verb: str) -> Unfit | None:
    """Whether a segment asks for a younger model, or for another one. `verb`: `cluster` or `score`."""
    name = model.called
    if (old := stale(model, require.max_age, as_of, verb=verb)) is not None:
        return old
    if require.version is not None and not model.version.startswith(require.version):
        return Unfit(
            f"The model of `{name}` is not the one that is asked for ({require.version}).",
            f"`passerelle {verb} history {name}` lists them; change `require_model` if it is meant.",
        )
    return None
