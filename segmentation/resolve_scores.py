"""Scores in rules, and what a score itself is made of: nothing that is known only after the moment it looks from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Protocol

from passerelle.privacy.sensitive_words import tripped
from passerelle.segmentation.catalogue import NUMBER, Catalogue
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.language.words import SCORE, in_words
from passerelle.segmentation.learning.resolve import Made
from passerelle.segmentation.rules import Aggregate, Column, Operand, Scored, Selection, Sort, ValueType, plain
from passerelle.segmentation.scores.asked import Asked
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.wrong import Place

_DAY, _HOUR = 86_400, 3_600
_SHARE = ValueType(Sort.NUMBER, whole=False)


class Meanings(Protocol):
    """What names mean outside a score's file."""

    @property
    def catalogue(self) -> Catalogue:
        """Tables, columns, events and traits."""

    def known(self, word: str, place: Place) -> Operand:
        """A trait or an attribute."""


def score_place(name: str) -> Place:
    """The top of a score's file."""
    return Place(f"scores/{name}.yaml")


def scored(known: Scores, word: str, place: Place, catalogue: Catalogue) -> Scored:
    """`score.NAME`."""
    name = word.removeprefix(SCORE)
    if name not in known.files:
        raise place.unknown("score", name, known.files)
    file, model = known.files[name], known.models.get(name)
    kind = _SHARE
    if file.will_spend is not None:
        kind = _summed(file, catalogue, score_place(name))[1]
    return Scored(name, model.version if model else "", kind)


def asked(file: ScoreFile, made: Made, meanings: Meanings) -> Asked:
    """A score's parts. Raises `Misdefined` where something in it would be known only afterwards."""
    place, catalogue = score_place(file.score), meanings.catalogue
    _nothing_later(file, made, meanings, place)
    window = Window.model_construct(within=file.within, until=None, where=file.where)
    latest = Window.model_construct(within=None, until=None, where=file.where)
    if file.will_spend is not None:
        (events, column), kind = _summed(file, catalogue, place)
        outcome: Operand = Aggregate(
            "sum", catalogue.selections(events, window, place / "will_spend", column), kind, column, kind, default=0
        )
        ever = catalogue.selections(events, latest, place / "will_spend", column)
        made = replace(made, traits=_buying(ever, column, kind))
        question = f"What each will bring by {file.will_spend} within {in_words(file.within)}"
    else:
        events = file.will or file.will_not or []
        outcome = Aggregate("count", catalogue.selections(events, window, place / file.kind), NUMBER, default=0)
        ever = catalogue.selections(events, latest, place / file.kind)
        word = "nothing of " if file.will_not else ""
        question = f"How probably each will do {word}{' or '.join(events)} within {in_words(file.within)}"
    _not_sensitive([*events, *_words(outcome)], place / file.kind)
    newest = Aggregate("since_last", ever, NUMBER, unit=_HOUR)
    excluded = {name: why for name, operand in made.traits.items() if (why := _category([name, *_words(operand)]))}
    made = replace(made, traits={name: each for name, each in made.traits.items() if name not in excluded})
    return Asked(made, outcome, newest, excluded, file.will_spend is not None, question)


def _summed(file: ScoreFile, catalogue: Catalogue, place: Place) -> tuple[tuple[list[str], str], ValueType]:
    event, _, column = (file.will_spend or "").rpartition(".")
    kind = catalogue.column_type(catalogue.selections([event], None, place / "will_spend", column), column, place)
    if kind.sort not in {Sort.NUMBER, Sort.MONEY}:
        raise (place / "will_spend").wrong(f"`{column}` is a {kind.sort}: nobody spends that.")
    return ([event], column), kind


def _buying(ever: tuple[Selection, ...], column: str, kind: ValueType) -> Mapping[str, Operand]:
    """What is looked at of somebody's purchases: several within 24 hours are one."""
    return {
        "purchases": Aggregate("periods", ever, NUMBER, unit=_DAY, default=0),
        "first": Aggregate("since_first", ever, NUMBER, unit=1),
        "last": Aggregate("since_last", ever, NUMBER, unit=1),
        "spent": Aggregate("sum", ever, kind, column, kind, default=0),
    }


def _nothing_later(file: ScoreFile, made: Made, meanings: Meanings, place: Place) -> None:
    if made.needs.beside:
        raise place.wrong(
            "A score cannot rest on groups or scores: their models were fitted after the moments that it learns from."
        )
    unchanging = set(
        chain.from_iterable(
            _columns([meanings.known(word, place / "unchanging" / at)]) for at, word in enumerate(file.unchanging)
        )
    )
    for name, operand in made.traits.items():
        _only_then([operand], unchanging, f"`{name}` rests on", place / "features" / name)
    _only_then(made.needs.operands, unchanging, "It rests on", place / "population")
    people = Needs()
    if made.population is not None:
        people.add_rule(made.population)
    if not made.uses and not people.sequences and all(isinstance(each, Column) for each in people.operands):
        raise (place / "population").wrong(
            "Whom it is about must follow from what people did, or nobody knows who was there at a past moment.",
            "Add for example `{did: purchase}`.",
        )


def _only_then(operands: Iterable[Operand], unchanging: set[Column], said: str, place: Place) -> None:
    for column in _columns(operands):
        if column not in unchanging:
            raise place.wrong(
                f"{said} the column `{column.column}`, which is known as it is today, not as it was at a past moment: "
                "the outcome may be in it.",
                f"Leave it out; or, if it never changes, say so: `unchanging: [{column.column}]`.",
            )


def _columns(operands: Iterable[Operand]) -> Iterator[Column]:
    needs = Needs()
    for operand in operands:
        needs.add_operand(operand)
    # A default belongs to the trait, and changes nothing about when the column is known.
    return (replace(each, default=None) for each in needs.operands if isinstance(each, Column))


def _words(operand: Operand) -> Iterator[str]:
    """Every text in what an operand is made of: events, columns, values that are compared with."""
    waiting = [plain(operand)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [inner for key, inner in part.items() if key != "kind"]
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str):
            yield part


def _category(texts: Iterable[str]) -> str:
    return next((category for text in texts for category, _, _ in tripped(text)), "")


def _not_sensitive(texts: Iterable[str], place: Place) -> None:
    if category := _category(texts):
        raise place.wrong(
            f"What is foretold is of a special category ({category}).",
            "Foretelling it of people needs their explicit consent to that, which audiences cannot carry.",
        )
