"""What readers say, as columns of consent events: one row per statement, without people."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.privacy.consent.events import CONSENT_EVENTS
from passerelle.privacy.consent.signals.contract import Said

Ints = npt.NDArray[np.int64]

_READ: dict[str, Callable[[Said], Any]] = {
    "purpose": lambda one: one.purpose.value,
    "state": lambda one: one.state.value,
    "event_time": lambda one: one.event_time,
    "precision": lambda one: one.precision.value,
    "recorded_at": lambda one: one.recorded_at,
    "valid_until": lambda one: one.valid_until,
    "notice": lambda one: one.notice,
    "recipients": lambda one: " ".join(one.recipients) or None,
    "grade": lambda one: one.grade.value,
    "channel": lambda one: None if one.channel is None else one.channel.value,
    "stop": lambda one: None if one.stop is None else one.stop.value,
    "expression": lambda one: None if one.expression is None else one.expression.value,
    "method": lambda one: one.method,
}
_SCOPE = pa.field("scope", pa.string())
SPOKEN = pa.schema([*(CONSENT_EVENTS.field(name) for name in _READ), _SCOPE])
"""Columns of `CONSENT_EVENTS` that a statement itself fills, and its scope."""


def spoken(readings: Sequence[Sequence[Said]], said_by: Ints | None = None) -> tuple[pa.Table, Ints]:
    """The statements of `readings` in the shape of `SPOKEN`, and for each the row that it is of.

    Without `said_by`, each reading is a row. With it, row i is reading `said_by[i]` (-1: none), so that a value which
    many rows have in common is read once.
    """
    statements = [one for reading in readings for one in reading]
    columns = [
        pa.array([read(one) for one in statements], CONSENT_EVENTS.field(name).type) for name, read in _READ.items()
    ]
    columns.append(pa.array([one.scope for one in statements], pa.string()))
    table = pa.table(columns, schema=SPOKEN)
    counts = np.array([len(reading) for reading in readings], np.int64)
    if said_by is None:
        return table, np.repeat(np.arange(len(counts)), counts)
    return _expanded(table, counts, said_by)


def _expanded(table: pa.Table, counts: Ints, said_by: Ints) -> tuple[pa.Table, Ints]:
    if not len(counts):
        return table.slice(0, 0), np.zeros(0, np.int64)
    begins = np.cumsum(counts) - counts
    each = np.where(said_by >= 0, counts[said_by], 0)
    rows = np.repeat(np.arange(len(said_by)), each)
    within = np.arange(int(each.sum())) - np.repeat(np.cumsum(each) - each, each)
    return table.take(pa.array(begins[said_by[rows]] + within)), rows
