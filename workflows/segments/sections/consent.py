"""How far consent reaches: of the people found, who may be sent for what and where, who could be had they agreed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.privacy.consent import REASONS
from passerelle.privacy.vocabulary import Purpose
from passerelle.segmentation import holdout
from passerelle.workflows.plan.aims import aims
from passerelle.workflows.plan.estimate import sample
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.report.pictures import Bar, bars
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import OTHERS, SMALL_GROUP, folded, people

if TYPE_CHECKING:
    from passerelle.workflows.settings.audience import Holdout

NEVER = frozenset({"erased", "unknown_person", "under_age"})
"""Reasons that no consent cures."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One purpose at one destination. `audience` is empty where none sends the segment.

    The platform's share is counted on a sample of people who may be sent: nobody else's identifiers are looked at.
    """

    audience: str
    destination: str
    purpose: str
    found: int
    held_out: int
    allowed: int
    withheld: Mapping[str, int]
    """By the gate's reason."""
    sampled: int
    findable: int

    @property
    def asked(self) -> int:
        """Everybody who is not held out."""
        return self.found - self.held_out

    @property
    def share(self) -> float | None:
        """For how many of a hundred the platform can look, as a share; None where too few may be sent to tell."""
        return self.findable / self.sampled if self.sampled >= SMALL_GROUP else None

    @property
    def could_agree(self) -> int:
        """Everybody but those whom no consent would let through."""
        return self.asked - sum(count for reason, count in self.withheld.items() if reason in NEVER)


@dataclass(frozen=True, slots=True)
class _Way:
    """Where people may be sent, for what; who is wanted there, and who is kept out by the audience's own holdout."""

    audience: str
    destination: str
    purpose: Purpose
    members: pa.Int64Array
    holdout: "Holdout | None" = None


def look(asked: Asked) -> list[Reached]:
    """Ask the gate about everybody, for each way that they may be sent."""
    with asked.workspace.store().read() as connection:
        return [_reached(asked, connection, way) for way in _ways(asked)]


def _ways(asked: Asked) -> Iterator[_Way]:
    """Audiences that send the segment, at each of their destinations; without any, what the policy speaks of."""
    workspace, found = asked.workspace, asked.membership
    if asked.audiences:
        for aim in aims(workspace, list(asked.audiences)):
            where = aim.place
            yield _Way(where.audience, where.destination, aim.purpose, aim.members_of(found), aim.holdout)
        return
    for destination in workspace.destinations:
        platform = workspace.destination(destination).platform
        for purpose in Purpose:
            if workspace.policy.rules_for(purpose, platform):
                yield _Way("", destination, purpose, found.subject_ids)


def _reached(asked: Asked, connection: Connection, way: _Way) -> Reached:
    workspace, wanted = asked.workspace, way.members
    destination = workspace.destination(way.destination)
    if way.holdout is not None:
        wanted = wanted.filter(pc.invert(holdout(wanted, way.holdout.percent, way.holdout.salt)))
    gate = workspace.gate()
    decided = gate.decide(connection, wanted, purpose=way.purpose, destination=destination.platform, at=asked.now)
    allowed = decided.filter(decided["allowed"])["subject_id"].to_numpy()
    denied = decided.filter(pc.invert(decided["allowed"]))["reason"]
    some = workspace.subjects().identifiers(connection, pa.array(sample(allowed), pa.int64()))
    reach = destination.reach(some)
    return Reached(
        way.audience,
        way.destination,
        way.purpose.value,
        len(way.members),
        len(way.members) - len(wanted),
        len(allowed),
        {str(each["values"]): int(each["counts"]) for each in pc.value_counts(denied).to_pylist()},
        reach.people,
        reach.findable,
    )


def draw(found: Sequence[Reached]) -> Markup:
    """A picture and the reasons, for each."""
    if not found:
        return tag("p", "The policy lets nobody be sent anywhere.", class_="none")
    return joined(part for each in found for part in _drawn(each))


def _drawn(each: Reached) -> Iterator[Markup]:
    what = each.purpose.replace("_", " ")
    yield tag("h3", f"{each.audience or 'Anybody'} at {each.destination}, for {what}")
    if each.asked < SMALL_GROUP:
        yield tag("p", f"{people(each.asked).capitalize()} people: nothing is told of them.")
        return
    yield tag("p", _sentence(each))
    yield tag("figure", bars(list(_bars(each)), title=f"How far consent reaches at {each.destination} for {what}"))
    if reasons := _reasons(each):
        yield listed(
            ("Why not", "People"), [(_why(reason), f"{count:,}") for reason, count in reasons.items()], numbers=1
        )


def _sentence(each: Reached) -> str:
    withheld = each.asked - each.allowed
    if not withheld:
        return "Everybody may be sent."
    if withheld < SMALL_GROUP:
        return f"All but fewer than {SMALL_GROUP} may be sent."
    told = f"{people(each.allowed).capitalize()} of {each.asked:,} may be sent."
    if each.share is None:
        return f"{told} So few that nobody can say for how many of them the platform could look."
    now, then = each.allowed * each.share, each.could_agree * each.share
    return (
        f"{told} The platform can look for about {each.share:.0%} of them, and will find fewer; had everybody agreed, "
        f"it could look for about {then:,.0f} people instead of about {now:,.0f}."
    )


def _bars(each: Reached) -> Iterator[Bar]:
    exact = each.asked - each.allowed >= SMALL_GROUP or each.asked == each.allowed
    allowed = people(each.allowed) if exact else "nearly all"
    yield Bar("found by the segment", each.found, people(each.found))
    if each.held_out >= SMALL_GROUP:
        yield Bar("without the holdout", each.asked, people(each.asked), each.found)
    yield Bar("may be sent", each.allowed if each.allowed >= SMALL_GROUP else 0, allowed, each.found)
    if each.share is not None:
        now, then = each.allowed * each.share, each.could_agree * each.share
        yield Bar("of these, can be looked for", now, f"about {now:,.0f}", each.found)
        yield Bar("could be, had all agreed", then, f"about {then:,.0f}", each.found)


def _reasons(each: Reached) -> dict[str, int]:
    """Why people are withheld. Who may be sent is among the others where they are few, so that no sum tells them."""
    few = each.allowed and each.allowed < SMALL_GROUP
    return folded({**each.withheld, "consent": each.allowed} if few else each.withheld)


def _why(reason: str) -> str:
    return "other reasons" if reason == OTHERS else REASONS.get(reason, reason.replace("_", " "))


SECTION = Section("How far consent reaches", lambda asked: bool(asked.workspace.destinations), look, draw)
