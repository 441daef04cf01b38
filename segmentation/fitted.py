"""Numbers that scaled traits rest on: fitted once on stated people and kept, the same until they are fitted again."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.facts import Constant, Formula, Operation
from passerelle.segmentation.language.traits import MinMaxTrait, ZScoreTrait
from passerelle.segmentation.rules import Fact, Sort, ValueType, digest
from passerelle.segmentation.wrong import Place

Scaled = MinMaxTrait | ZScoreTrait
FOLDER = "fitted"
"""Where the files lie in a workspace."""

LEAST = 10
"""Of fewer people nothing is fitted."""

_NUMBER = ValueType(Sort.NUMBER, whole=False)


class Fitted(BaseModel):
    """What was fitted: (value - shift) / scale is the scaled value. In stored units: money in cents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    method: Literal["min_max", "z_score"]
    definition: str = Field(description="Digest of the trait that is scaled.")
    among: str = Field(description="The segment whose people it was fitted on; empty: everybody.")
    as_of: int = Field(description="µs since 1970 UTC.")
    people: int = Field(ge=LEAST, description="How many had a value.")
    shift: Decimal
    scale: Decimal = Field(gt=0)


class FittedFile(BaseModel):
    """`fitted/<trait>.json`: every version, the newest last, which is in force."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trait: str
    versions: list[Fitted] = Field(min_length=1)


def read(folder: Path) -> dict[str, FittedFile]:
    """What was fitted, by trait. Raises `DefinitionError` that names a file which is not as it was written."""
    found: dict[str, FittedFile] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = FittedFile.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            found.pop(path.stem, None)
        if path.stem not in found or found[path.stem].trait != path.stem:
            raise DefinitionError(
                f"{FOLDER}/{path.name} is not as it was written.",
                advice=f"Put it back, or delete it and run `passerelle traits fit {path.stem}`.",
            )
    return found


def write(folder: Path, name: str, before: FittedFile | None, new: Fitted) -> None:
    """Add a version to a trait's file, which is never seen half written."""
    folder.mkdir(exist_ok=True)
    file = FittedFile(trait=name, versions=[*(before.versions if before else []), new])
    draft = folder / f".{name}.json.new"
    draft.write_text(file.model_dump_json(indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / f"{name}.json")


def scaled(trait: Scaled, of: Fact, fitted: Fitted | None, name: str, place: Place) -> Formula:
    """The scaled value, by the numbers that were fitted. Raises `Misdefined` where none fit this definition."""
    advice = f"Run `passerelle traits fit {name}`."
    if of.type.sort not in {Sort.NUMBER, Sort.MONEY}:
        raise place.wrong(f"A {of.type.sort} cannot be scaled; a number or an amount can.")
    if fitted is None:
        raise place.wrong(f"Nothing was fitted for `{name}` yet.", advice)
    if (fitted.method, fitted.definition, fitted.among) != (method(trait), digest(of), trait.among or ""):
        raise place.wrong(f"`{name}` was fitted when it was defined otherwise.", advice)
    shifted = Operation("-", of, Constant(fitted.shift))
    return Formula(Operation("/", shifted, Constant(fitted.scale)), _NUMBER)


def method(trait: Scaled) -> Literal["min_max", "z_score"]:
    """By which method a trait is scaled."""
    return "min_max" if isinstance(trait, MinMaxTrait) else "z_score"
