"""Groups of clusters in rules, and what a cluster itself is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.compile.walk import named_groups
from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.literals import literal
from passerelle.segmentation.rules import (
    Assigned,
    Compare,
    OneOf,
    Operand,
    Rule,
    Sort,
    ValueType,
)
from passerelle.segmentation.wrong import Place

PREFIX = "cluster."
_TEXT = ValueType(Sort.TEXT)
_DISTANCE = ValueType(Sort.NUMBER, whole=False)
FITTING = frozenset({Sort.NUMBER, Sort.MONEY, Sort.BOOLEAN, Sort.TEXT})


@dataclass(frozen=True, slots=True)
class Clustered:
    """What a cluster is made of, checked: its traits in order, and among whom."""

    traits: tuple[tuple[str, Operand], ...]
    population: Rule | None
    uses: tuple[str, ...]
    """Segments that the population refers to."""


def cluster_place(name: str) -> Place:
    """The top of a cluster's file."""
    return Place(f"clusters/{name}.yaml")


def assigned(known: Clusters, word: str, place: Place) -> Assigned:
    """`cluster.NAME` or `cluster.NAME.distance`."""
    name, _, part = word.removeprefix(PREFIX).partition(".")
    if name not in known.files:
        raise place.unknown("cluster", name, known.files)
    if part not in {"", "distance"}:
        raise place.wrong(f"A cluster has no `.{part}`.", f"Known here: `{PREFIX}{name}`, `{PREFIX}{name}.distance`.")
    file, model = known.files[name], known.models.get(name)
    labels = [group.label for group in model.groups] if model else []
    names = tuple((label, file.name_of(label)) for label in sorted({*labels, *file.names}))
    if part:
        return Assigned(name, "distance", model.version if model else "", (), _DISTANCE)
    return Assigned(name, "group", model.version if model else "", names, _TEXT)


def in_groups(operand: Assigned, groups: Sequence[str], place: Place, *, negated: bool) -> Rule:
    """Whether somebody is in one of these groups, named or numbered; negated: in another group."""
    called = {str(label): name for label, name in operand.names}
    rule = OneOf(operand, tuple(sorted(called.get(group, group) for group in groups)), negated)
    check_groups(rule, place)
    return rule


def check_groups(rule: Rule, place: Place) -> None:
    """A group that is named is one that there is, or was: a number whose group is gone holds the segment back later."""
    if not isinstance(rule, OneOf | Compare) or not isinstance(rule.operand, Assigned):
        return
    names = dict(rule.operand.names)
    for value in named_groups(rule):
        if value in names.values() or (value.isdecimal() and int(value) not in names):
            continue
        if value.isdecimal():
            raise place.wrong(f"Group {value} is called `{names[int(value)]}`.", "Say it by its name.")
        raise place.unknown("group", value, names.values())


def check_traits(name: str, options: Closed, operand: Operand, timezone: str, place: Place) -> None:
    """A trait of a cluster is a number, money, a yes or no, or a text that is taken apart."""
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
