"""Groups of clusters in rules, and what a cluster itself is made of."""

from collections.abc import Sequence

from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.compile.walk import named_groups
from passerelle.segmentation.rules import (
    Assigned,
    Compare,
    OneOf,
    Rule,
    Sort,
    ValueType,
)
from passerelle.segmentation.wrong import Place

PREFIX = "cluster."
_TEXT = ValueType(Sort.TEXT)
_DISTANCE = ValueType(Sort.NUMBER, whole=False)


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
