"""`audit min-size`: audiences that are smaller than the policy lets any be, and uploads that were refused for it."""

from typing import TYPE_CHECKING

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.work import held_by

if TYPE_CHECKING:
    from passerelle.privacy.audit.known import Known, Target
    from passerelle.workflows.workspace import Workspace

GUARD = "minimum_size"


def sizes(workspace: "Workspace", known: "Known") -> Answer:
    """A line per audience at a destination: who is there, the smallest size allowed, how often it held a run back."""
    held = held_by(known)
    lines = [_line(workspace, known, target, held) for target in known.targets()]
    made = {(line["audience"], line["destination"]) for line in lines}
    lines += [
        {"audience": audience, "destination": destination, "members": 0, "refused": counts.get(GUARD, 0)}
        for (audience, destination), counts in sorted(held.items())
        if (audience, destination) not in made and counts.get(GUARD)
    ]
    return Answer(
        facts={"audiences": len(lines), "runs_refused": sum(line["refused"] for line in lines)},
        tables={"audiences": lines},
        findings=found(
            Found("audiences are there with fewer people than allowed", sum(line.get("below", False) for line in lines))
        ),
        advice="Widen the segment, or delete the audience at the platform: a small one can point at single people.",
    )


def _line(
    workspace: "Workspace", known: "Known", target: "Target", held: dict[tuple[str, str], dict[str, int]]
) -> Line:
    place = target.place
    audience = workspace.audiences.get(place.audience)
    least = known.policy.minimum_size(target.purpose, target.platform)
    if audience is not None:
        least = max(least, audience.guards.minimum_size)
    members = len(known.members(place))
    return {
        "audience": place.audience,
        "destination": place.destination,
        "members": members,
        "minimum": least,
        "below": 0 < members < least,
        "refused": held.get((place.audience, place.destination), {}).get(GUARD, 0),
    }
