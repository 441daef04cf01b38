"""A plan as a file: JSON that can be read, kept, compared and approved. It names people by surrogate only."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from passerelle.privacy.errors import DefinitionError, HeldBack
from passerelle.workflows.plan.make import PlacePlan, Plan
from passerelle.workflows.plan.moves import Ids


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class People(_Closed):
    """How many people, and who: their surrogates as little-endian 64-bit integers, deflated, in base64."""

    count: int
    subjects: str

    @classmethod
    def of(cls, ids: Ids) -> "People":
        """Pack some people."""
        packed = base64.b64encode(zlib.compress(np.sort(ids).astype("<i8").tobytes())).decode()
        return cls(count=len(ids), subjects=packed)

    def ids(self) -> Ids:
        """Unpack them. Raises `ValueError` where the text is damaged."""
        ids = np.frombuffer(zlib.decompress(base64.b64decode(self.subjects, validate=True)), "<i8").astype(np.int64)
        if len(ids) != self.count:
            raise ValueError("count")
        return ids


class PlannedPlace(_Closed):
    """The moves for one audience at one destination."""

    audience: str
    destination: str
    segment_size: int
    current: int
    adds: People
    removes: dict[str, People]
    withheld: dict[str, int]
    held_by: list[str]


class PlanFile(_Closed):
    """What `plan --out` writes and `sync --plan` reads. `hash` covers everything else in the file."""

    format: Literal["passerelle-plan/1"] = "passerelle-plan/1"
    made_at: int = Field(description="Microseconds since 1970 UTC.")
    policy: str = Field(description="Digest of the policy it was made under.")
    log_size: int = Field(description="Size of the log it was made at.")
    places: list[PlannedPlace]
    hash: str = ""

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of everything but `hash`, in hex."""
        body = self.model_dump(mode="json", exclude={"hash"})
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def to_file(plan: Plan) -> PlanFile:
    """The plan as its file says it."""
    body = PlanFile(
        made_at=plan.made_at,
        policy=plan.policy,
        log_size=plan.log_size,
        places=[_planned(place) for place in plan.places],
    )
    return body.model_copy(update={"hash": body.digest()})


def read(path: Path) -> PlanFile:
    """Read a plan file. Raises `DefinitionError` where it is none, `HeldBack` where it was changed by hand."""
    try:
        plan = PlanFile.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise DefinitionError(f"The plan file {path.name} cannot be read: {problem.strerror}.") from None
    except ValidationError as problem:
        named = {error["loc"][0] for error in problem.errors() if error["loc"]}
        places = ", ".join(name for name in PlanFile.model_fields if name in named)  # not what else stands there
        raise DefinitionError(
            f"{path.name} is not a plan file: {places or 'something else'}.", advice="Write one with `plan --out FILE`."
        ) from None
    if plan.hash != plan.digest():
        raise HeldBack(f"{path.name} was changed after it was made.", advice="Make a new plan and approve that one.")
    return plan


def same_moves(kept: PlanFile, fresh: Plan) -> list[str]:
    """Where a fresh plan differs from the kept one: audiences by name, or nothing when it still holds."""
    now = {(place.audience, place.destination): place for place in to_file(fresh).places}
    changed = []
    for place in kept.places:
        other = now.get((place.audience, place.destination))
        if other is None or _moves(place) != _moves(other):
            changed.append(f"{place.audience} at {place.destination}")
    return changed


def _moves(place: PlannedPlace) -> tuple[Any, ...]:
    return place.adds.subjects, {cause: people.subjects for cause, people in place.removes.items()}


def _planned(place: PlacePlan) -> PlannedPlace:
    moves = place.guarded.moves
    return PlannedPlace(
        audience=place.aim.place.audience,
        destination=place.aim.place.destination,
        segment_size=place.segment_size,
        current=moves.current,
        adds=People.of(moves.adds),
        removes={cause: People.of(ids) for cause, ids in sorted(moves.removes.items())},
        withheld=place.withheld,
        held_by=list(place.guarded.held),
    )
