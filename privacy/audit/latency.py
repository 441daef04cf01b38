"""`audit withdrawals`: from when a no was heard to when the platform confirmed that the person is out.

A removal answers the first no heard since the person was last put in. Merges are followed: a no of either self counts
for the person they turned out to be. Erasures count from their request.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from passerelle.privacy.audit.answer import Line
from passerelle.privacy.audit.known import Ints, Known, Moves, Target, moves_at
from passerelle.privacy.audit.times import iso
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import ConsentState

HOUR = 3_600_000_000
SHOWN = 200
"""Open ones are listed one by one up to so many, the oldest first; all are counted."""

_PERMITTING = [state.value for state in ConsentState if state.permits]
ERASURE = "erasure"


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """A no per row, in the order of the log: who, in which entry, for which purpose (empty: all), why, when heard."""

    person: Ints
    log_index: Ints
    purpose: npt.NDArray[np.object_]
    cause: npt.NDArray[np.object_]
    heard: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """From a no to out, one row a person and place. `out` is 0 while it is open, `asked` while nothing was sent."""

    person: Ints
    cause: npt.NDArray[np.object_]
    heard: Ints
    asked: Ints
    out: Ints


@dataclass(frozen=True, slots=True)
class Latencies:
    """From when a no was heard to when the platform confirmed that the person is out, in hours."""

    confirmed: int
    median_hours: float | None
    p95_hours: float | None
    worst_hours: float | None
    late: int
    """Confirmed later than the limit."""
    open: int
    """People whom a no should have taken out, and who may still be there."""
    overdue: int
    """Of these, for longer than the limit."""
    oldest_open_hours: float | None
    causes: list[Line]
    """The same by cause, with how long it took to ask the platform and how long it took to confirm."""
    open_ones: list[Line]


def withdrawals(known: Known, *, limit_hours: int) -> Latencies:
    """How fast people who said no were taken out, against a limit."""
    said = _said(known)
    ways: list[tuple[Target, _Ways]] = [(target, _ways(known, target, said)) for target in known.targets()]
    every = _joined([one for _, one in ways])
    done, hours = every.out > 0, (np.where(every.out > 0, every.out, known.at) - every.heard) / HOUR
    return Latencies(
        **_figures(hours[done], hours[~done], limit_hours),
        causes=[
            {
                "cause": cause,
                **_figures(*_split(hours, done, every.cause == cause), limit_hours),
                **_steps(every, cause),
            }
            for cause in sorted(set(every.cause.tolist()))
        ],
        open_ones=_open(known, ways),
    )


def _split(
    hours: npt.NDArray[np.float64], done: npt.NDArray[np.bool_], mine: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return hours[done & mine], hours[~done & mine]


def _figures(out: npt.NDArray[np.float64], waiting: npt.NDArray[np.float64], limit: int) -> Line:
    return {
        "confirmed": len(out),
        "median_hours": _quantile(out, 0.5),
        "p95_hours": _quantile(out, 0.95),
        "worst_hours": _quantile(out, 1.0),
        "late": int((out > limit).sum()),
        "open": len(waiting),
        "overdue": int((waiting > limit).sum()),
        "oldest_open_hours": _quantile(waiting, 1.0),
    }


def _steps(every: _Ways, cause: str) -> Line:
    mine = (every.cause == cause) & (every.out > 0)
    return {
        "median_hours_to_ask": _quantile((every.asked - every.heard)[mine] / HOUR, 0.5),
        "median_hours_to_confirm": _quantile((every.out - every.asked)[mine] / HOUR, 0.5),
    }


def _quantile(hours: npt.NDArray[np.float64], share: float) -> float | None:
    return round(float(np.quantile(hours, share)), 2) if len(hours) else None


def _said(known: Known) -> _Said:
    """Every no that was heard, and every erasure that was asked for."""
    c, e = t.consent_event.c, t.erasure.c
    columns = (c.subject_id, c.log_index, c.purpose, c.state, c.stop, c.ingested_at)
    noes = select(*columns).where(c.state.not_in(_PERMITTING), c.log_index < known.log_size)
    heard = known.store.table(known.connection, noes)
    asked = select(e.subject_id, e.log_index, e.requested_at).where(e.log_index < known.log_size)
    erasures = known.store.table(known.connection, asked)
    state = pc.utf8_lower(pc.replace_substring(heard["state"], "Consent", ""))
    cause = pc.coalesce(heard["stop"], state).to_pylist() + [ERASURE] * erasures.num_rows
    whole = _Said(
        person=known.today(pa.concat_arrays([_column(heard, "subject_id"), _column(erasures, "subject_id")])),
        log_index=_ints(heard["log_index"], erasures["log_index"]),
        purpose=np.array(heard["purpose"].to_pylist() + [""] * erasures.num_rows, dtype=object),
        cause=np.array(cause, dtype=object),
        heard=_ints(heard["ingested_at"], erasures["requested_at"]),
    )
    return _taken(whole, np.argsort(whole.log_index, kind="stable"))


def _ways(known: Known, target: Target, said: _Said) -> _Ways:
    """For each removal that was confirmed, and each person who is there still: the no that asked for it, if any did."""
    moves = moves_at(known, target.place)
    mine = _taken(said, np.flatnonzero((said.purpose == target.purpose.value) | (said.purpose == "")))
    person = known.today(pa.array(moves.person, pa.int64()))
    everybody = np.unique(np.concatenate([person, mine.person]))
    rank = np.searchsorted(everybody, person)
    order = np.lexsort((moves.log_index, rank))
    rank, moves = rank[order], _taken(moves, order)
    person = person[order]
    first = np.r_[True, rank[1:] != rank[:-1]] if len(rank) else np.zeros(0, bool)
    entered = _since_entered(moves, first)
    last = np.r_[rank[1:] != rank[:-1], True] if len(rank) else np.zeros(0, bool)
    ends = (moves.confirmed > 0) | (last & moves.present)
    until = np.where(moves.confirmed > 0, moves.log_index, known.log_size)
    answer = _first_no(mine, everybody, rank, entered, until, known.log_size)
    found = np.flatnonzero(ends & (answer >= 0))
    no = answer[found]
    asked = np.where(moves.adds[found], 0, moves.asked[found])
    ways = _Ways(person[found], mine.cause[no], mine.heard[no], asked, moves.confirmed[found])
    return _without_lifted(known, target, ways)


def _since_entered(moves: Moves, first: npt.NDArray[np.bool_]) -> Ints:
    """For each move, the log index of the person's last addition up to it (-1: none)."""
    places = np.arange(len(first))
    begins = np.maximum.accumulate(np.where(first, places, 0)) if len(places) else places
    adds = np.maximum.accumulate(np.where(moves.adds, places, -1)) if len(places) else places
    return np.where(adds >= begins, moves.log_index[np.maximum(adds, 0)], -1)


def _first_no(said: _Said, everybody: Ints, rank: Ints, since: Ints, until: Ints, size: int) -> Ints:
    """The row of the first no of each person between two log indexes; -1 where there is none."""
    whose = np.searchsorted(everybody, said.person)
    keys = whose * (size + 1) + said.log_index
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    place = np.searchsorted(keys, rank * (size + 1) + np.maximum(since, 0), side="right")
    inside = place < len(keys)
    found = np.where(inside, place, 0)
    if not len(keys):
        return np.full(len(rank), -1)
    return np.where(inside & (since >= 0) & (keys[found] < rank * (size + 1) + until), order[found], -1)


def _without_lifted(known: Known, target: Target, ways: _Ways) -> _Ways:
    """Without people who are there and may be: they said yes again before they were out."""
    waiting = np.flatnonzero(ways.out == 0)
    decided = known.decide(pa.array(ways.person[waiting], pa.int64()), target.purpose, target.platform)
    lifted = waiting[np.asarray(decided["allowed"].to_numpy(), bool)]
    erased = ways.cause == ERASURE
    keep = np.ones(len(ways.out), bool)
    keep[lifted] = erased[lifted]
    return _taken(ways, np.flatnonzero(keep))


def _open(known: Known, ways: list[tuple[Target, _Ways]]) -> list[Line]:
    lines: list[Line] = []
    for target, each in ways:
        rows = np.flatnonzero(each.out == 0)
        oldest = rows[np.argsort(each.heard[rows], kind="stable")][:SHOWN]
        refs = known.names(each.person[oldest].tolist())
        lines += [
            {
                "subject_ref": refs.get(int(each.person[row])),
                "audience": target.place.audience,
                "destination": target.place.destination,
                "cause": str(each.cause[row]),
                "heard_at": iso(int(each.heard[row])),
                "asked_at": iso(int(each.asked[row])) if each.asked[row] else None,
                "open_hours": round(float(known.at - each.heard[row]) / HOUR, 2),
            }
            for row in oldest.tolist()
        ]
    return sorted(lines, key=lambda line: -line["open_hours"])[:SHOWN]


Rows = TypeVar("Rows", _Said, _Ways, Moves)


def _joined(parts: list[_Ways]) -> _Ways:
    empty = _Ways(*(np.zeros(0, object if name == "cause" else np.int64) for name in _names(_Ways)))
    return _Ways(*(np.concatenate([getattr(one, name) for one in (empty, *parts)]) for name in _names(_Ways)))


def _taken(rows: Rows, places: Ints) -> Rows:
    return type(rows)(*(getattr(rows, name)[places] for name in _names(type(rows))))


def _names(kind: type[_Said] | type[_Ways] | type[Moves]) -> list[str]:
    return [one.name for one in fields(kind)]


def _column(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()


def _ints(*parts: pa.ChunkedArray) -> Ints:
    return np.concatenate([np.asarray(part.to_numpy(), np.int64) for part in parts])
