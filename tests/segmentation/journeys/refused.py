"""What is said of a wrong definition, wherever that is found."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from passerelle.segmentation import check
from tests.segmentation.world import World, segment


def refusals(world: World, model: dict[str, Any], *conditions: object, more: Mapping[str, object] | None = None) -> str:
    """All that is said of a model, of segments with these conditions (called `it`, `it1`, …), and of `more` by name."""
    world.model = model
    try:
        named = {"it" if n == 0 else f"it{n}": condition for n, condition in enumerate(conditions)} | dict(more or {})
        files = {name: segment(name, condition) for name, condition in named.items()}
        found = check(world.modelled(), files, world.dataset().tables)
    except ValidationError as problem:
        return " ".join(str(each["msg"]) for each in problem.errors())
    return " ".join(f"{each.message} {each.advice}" for each in found)
