"""For how many of the people who may be sent the platforms can look: counted on a sample, before anything is sent."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from passerelle.connectors.contract.destination import Reach
from passerelle.workflows.plan.make import PlacePlan
from passerelle.workflows.plan.moves import Ids

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

SAMPLE = 5_000
"""People looked at. The share of so many is right to about one and a half in a hundred."""

_MIXER = np.uint64(0x9E3779B97F4A7C15)


def estimate(workspace: "Workspace", connection: Connection, place: PlacePlan) -> Reach:
    """For whom of a plan's allowed people its destination can look, and what keeps the others out of it."""
    people = workspace.subjects().identifiers(connection, pa.array(sample(place.wish.allowed)))
    return workspace.destination(place.aim.place.destination).reach(people)


def sample(ids: Ids, size: int = SAMPLE) -> Ids:
    """At most `size` of `ids`: always the same ones, and none favoured for being known longer."""
    if len(ids) <= size:
        return ids
    order = np.argsort(ids.astype(np.uint64) * _MIXER, kind="stable")
    return np.sort(ids[order[:size]])
