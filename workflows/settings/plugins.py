"""Kinds of sources and destinations, found by entry points: a package of its own can add one.

A kind is a class with a `Settings` pydantic model, which has a literal field `kind`. Nothing is imported before a
workspace names the kind.
"""

import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from pydantic import BaseModel

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings.names import did_you_mean, listed

Group = Literal["passerelle.sources", "passerelle.destinations"]


def kinds(group: Group) -> list[str]:
    """The kinds that are installed, sorted."""
    return sorted({entry.name for entry in _installed(tuple(sys.path)) if entry.group == group})


def load(group: Group, kind: str) -> Any:  # noqa: ANN401 - the class behind an entry point
    """The class of `kind`. Raises `DefinitionError` where it is not installed or is not what it must be."""
    found = [entry for entry in _installed(tuple(sys.path)) if (entry.group, entry.name) == (group, kind)]
    if not found:
        known = kinds(group)
        raise DefinitionError(
            f"this kind is not known.{did_you_mean(kind, known)} Known kinds: {listed(known)}.", path=("kind",)
        )
    try:
        cls = found[0].load()
    except (ImportError, AttributeError) as problem:
        raise DefinitionError(
            f"the kind `{found[0].name}` cannot be loaded ({type(problem).__name__}).",
            advice="Install the package that brings it again.",
            path=("kind",),
        ) from None
    if not issubclass(getattr(cls, "Settings", object), BaseModel):
        raise DefinitionError(f"the kind `{found[0].name}` has no settings model.", path=("kind",))
    return cls


@cache
def _installed(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The kinds of all groups. Looked up once for a path: a file of every package on it is read."""
    every = entry_points()
    return tuple(entry for group in get_args(Group) for entry in every.select(group=group))
