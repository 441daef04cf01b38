"""Snapshots of invented runs."""

import numpy as np

from passerelle.workflows.snapshots.manifest import Ids, Manifest, ThresholdThen
from passerelle.workflows.snapshots.shelf import draft_members

HOUR = 3_600_000_000
T = 1_795_219_200_000_000
"""2026-11-21T00:00:00Z."""
RULE = {"segments/rich.yaml": {"segment": "rich", "where": {"trait": "spent", "at_least": 100}}}


def people(*ids: int) -> Ids:
    return np.array(ids, np.int64)


def run(
    as_of: int = T,
    *,
    version: str = "v1",
    thresholds: list[ThresholdThen] | None = None,
    people_then: str = "p",
    made_at: int | None = None,
    segment: str = "rich",
) -> Manifest:
    return Manifest(
        id="",
        segment=segment,
        version=version,
        definition="",
        as_of=as_of,
        made_at=as_of + 1 if made_at is None else made_at,
        run="r1",
        engine="duckdb",
        program="0.1.0",
        population=1000,
        excluded=0,
        held_out=0,
        members=draft_members(),
        thresholds=thresholds or [],
        models=[],
        tables={},
        people=people_then,
    )
