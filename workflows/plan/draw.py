"""Who of an audience is drawn to be held out: by its segment's holdout, and by its own."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation import Membership, holdout
from passerelle.workflows.plan.aims import Aim
from passerelle.workflows.plan.moves import Ids, union


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The people of an audience before any holdout, and whom one keeps out: sorted, each once."""

    people: pa.Array
    held_out: Ids


def draw(aim: Aim, found: Membership) -> Drawn:
    """By the segment's holdout, which all its audiences share, then by the audience's own."""
    members = aim.members_of(found)
    out = found.control.to_numpy()
    if aim.holdout is not None:
        own = pc.filter(members, holdout(members, aim.holdout.percent, aim.holdout.salt))
        out = union([out, own.to_numpy(zero_copy_only=False)])
    people = pa.array(union([members.to_numpy(), out])) if found.held_out else members
    return Drawn(people, out)
