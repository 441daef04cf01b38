"""What a model is made of, once it is checked: traits as operands, and among whom."""

from collections.abc import Mapping
from dataclasses import dataclass

from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.literals import literal
from passerelle.segmentation.rules import Operand, Rule, Segment, Sort
from passerelle.segmentation.wrong import Place

FITTING = frozenset({Sort.NUMBER, Sort.MONEY, Sort.BOOLEAN, Sort.TEXT})

_OF_SCORES = {"min_auc", "max_calibration_error", "max_drift"}
_OF_CLUSTERS = {"min_stability_ari"}


@dataclass(frozen=True, slots=True)
class Made:
    """Traits in order, among whom, and all that both rest on."""

    traits: Mapping[str, Operand]
    population: Rule | None
    uses: tuple[str, ...]
    """Segments that the population refers to."""
    needs: Needs


def check_trait(name: str, options: Closed, operand: Operand, timezone: str, place: Place) -> None:
    """A trait that is learnt from is a number, money, a yes or no, or a text that is taken apart."""
    sort = operand.type.sort
    if sort not in FITTING:
        raise place.wrong(f"`{name}` is a {sort}: nobody is alike in it.", "Take the time since then, as a trait.")
    one_hot = bool(getattr(options, "one_hot", False))
    if sort is Sort.TEXT and not one_hot:
        raise place.wrong(f"`{name}` is a text.", "Add `one_hot: true`, and each of its values becomes yes or no.")
    if sort is not Sort.TEXT and one_hot:
        raise (place / "one_hot").wrong(f"`{name}` is a {sort}; `one_hot` takes texts apart.")
    if sort is Sort.BOOLEAN and getattr(options, "log", False):
        raise (place / "log").wrong(f"`{name}` is a {sort}, which has no logarithm.")
    fill = getattr(options, "fill", None)
    if fill is not None:
        literal(fill, operand.type, timezone, place / "fill")


def check_required(segment: Segment, place: Place) -> None:
    """What a segment asks of models is asked of one that it rests on itself: else it would hold nothing back."""
    if segment.require is None:
        return
    needs = Needs.of([segment])
    asked = {word for word, value in segment.require if value is not None}
    if (asked & _OF_SCORES) and not needs.scores:
        word, what = min(asked & _OF_SCORES), "score"
    elif (asked & _OF_CLUSTERS) and not needs.clusters:
        word, what = min(asked & _OF_CLUSTERS), "cluster"
    elif asked and not needs.beside:
        word, what = min(asked), "score or cluster"
    else:
        return
    raise (place / word).wrong(
        f"`{word}` is asked of a {what}, and this segment names none.",
        "Take it out. Where the segment refers to one that does, write it there.",
    )
