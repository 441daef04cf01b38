"""A plan as a file: JSON that can be read, kept, compared and approved. It names people by surrogate only."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from passerelle.privacy.errors import DefinitionError, HeldBack
from passerelle.workflows.plan.compared import ComparedAudience, ComparedMoves
from passerelle.workflows.plan.make import PlacePlan, Plan
from passerelle.workflows.plan.moves import NOBODY, Ids, union


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
        """Unpack them. Raises `HeldBack` where the text is damaged."""
        try:
            packed = zlib.decompress(base64.b64decode(self.subjects, validate=True))
            ids = np.frombuffer(packed, "<i8").astype(np.int64)
        except (ValueError, zlib.error):
            ids = NOBODY
        if len(ids) != self.count:
            raise HeldBack("The people of a plan file cannot be read.", advice="Make a new plan.")
        return ids


class PlannedPlace(_Closed):
    """The moves for one audience at one destination."""

    audience: str
    destination: str
    purpose: str
    segment_size: int
    current: int
    adds: People
    removes: dict[str, People]
    withheld: dict[str, int]
    held_by: list[str]
    how: Literal["diff", "replace"] = Field("diff", description="Row by row, or by replacing all members.")
    why: str = Field("", description="Why all members are replaced, or why not although it would be better.")
    values: str = Field("", description="Where values are sent: their trait, and a keyed digest of those of `adds`.")
    revalued: int = Field(0, description="Of `adds`, who are there already with another value.")


class PlanFile(_Closed):
    """What `plan --out` writes and `sync --plan` reads. `hash` covers everything else in the file."""

    format: Literal["passerelle-plan/1"] = "passerelle-plan/1"
    made_at: int = Field(description="Microseconds since 1970 UTC.")
    policy: str = Field(description="Digest of the policy it was made under.")
    log_size: int = Field(description="Size of the log it was made at.")
    approved: list[str] = Field(default_factory=list, description="Guards that it overrides.")
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
        approved=sorted({name for place in plan.places for name in place.guarded.overridden}),
        places=[_planned(place) for place in plan.places],
    )
    return body.model_copy(update={"hash": body.digest()})


def read(path: Path) -> PlanFile:
    """Read a plan file. Raises `DefinitionError` where it is none, `HeldBack` where it was changed by hand.

    The hash finds changes by mistake or in passing, not by somebody who computes it anew: a plan is checked against a
    fresh one before it is carried out.
    """
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


def same_moves(kept: PlanFile, fresh: PlanFile) -> list[str]:
    """Where a fresh plan differs from the kept one: audiences by name, or nothing when it still holds.

    A destination or a purpose that the audience has now, and had not then, is a difference: nobody approved it.
    """
    return [
        f"{change.audience} at {change.destination}"
        for change in compare(kept, fresh)
        if change.only_in
        or change.purpose_changed
        or change.way_changed
        or change.values_changed
        or change.adds.differ
        or change.removes.differ
    ]


def compare(old: PlanFile, new: PlanFile) -> list[ComparedAudience]:
    """A line per audience and destination of either plan. Raises `HeldBack` where a plan's people cannot be read."""
    first = {(place.audience, place.destination): place for place in old.places}
    second = {(place.audience, place.destination): place for place in new.places}
    return [_difference(first.get(key), second.get(key)) for key in sorted(first | second)]


def _difference(old: PlannedPlace | None, new: PlannedPlace | None) -> ComparedAudience:
    known = new or old
    assert known is not None  # noqa: S101 - one of them names the place
    before, now = (place.withheld if place else {} for place in (old, new))
    reasons = {reason: now.get(reason, 0) - before.get(reason, 0) for reason in sorted(before.keys() | now.keys())}
    return ComparedAudience(
        audience=known.audience,
        destination=known.destination,
        only_in="" if old and new else "new" if new else "old",
        purpose_changed=old is not None and new is not None and old.purpose != new.purpose,
        way_changed=old is not None and new is not None and (old.how, old.why) != (new.how, new.why),
        values_changed=old is not None and new is not None and old.values != new.values,
        adds=_changed(*(place.adds.ids() if place else NOBODY for place in (old, new))),
        removes=_changed(*(_leaving(place) if place else NOBODY for place in (old, new))),
        withheld={reason: count for reason, count in reasons.items() if count},
    )


def _leaving(place: PlannedPlace) -> Ids:
    return union(people.ids() for people in place.removes.values())


def _changed(old: Ids, new: Ids) -> ComparedMoves:
    more, fewer = (int((~np.isin(one, other)).sum()) for one, other in ((new, old), (old, new)))
    return ComparedMoves(before=len(old), now=len(new), more=more, fewer=fewer)


def _planned(place: PlacePlan) -> PlannedPlace:
    moves = place.guarded.moves
    return PlannedPlace(
        audience=place.aim.place.audience,
        destination=place.aim.place.destination,
        purpose=place.aim.purpose.value,
        segment_size=place.segment_size,
        current=moves.current,
        adds=People.of(moves.adds),
        removes={cause: People.of(ids) for cause, ids in sorted(moves.removes.items())},
        withheld=place.withheld,
        held_by=list(place.guarded.held),
        how=place.how.how,
        why=place.how.why,
        values=_values(place),
        revalued=moves.revalued,
    )


def _values(place: PlacePlan) -> str:
    """Names the values that would be sent, without telling any: their marks are keyed."""
    if place.aim.value is None or place.wish.mark is None:
        return ""
    theirs = np.isin(place.wish.allowed, place.guarded.moves.adds, assume_unique=True)
    digest = hashlib.sha256(place.wish.mark[theirs].astype("<i8").tobytes()).hexdigest()
    return f"{place.aim.value.trait}:{digest[:16]}"
