"""How far consent reaches: who may be shared for what and where, on which text, from which source, how old it is.

Judged by the gate itself, so that these counts and what is sent cannot differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, func, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found, summed, tally
from passerelle.privacy.audit.known import Known
from passerelle.privacy.consent import REASONS
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import ConsentState, Destination, Purpose

DAY = 86_400_000_000
THIRTEEN_MONTHS = 395
"""Days after which the TCF asks again, and the CNIL recommends to."""

_AGES = ((183, "up to 6 months"), (THIRTEEN_MONTHS, "6 to 13 months"), (730, "13 to 24 months"))
_OLDER, _UNKNOWN = "over 24 months", "unknown"
_PERMITTING = [state.value for state in ConsentState if state.permits]

Aim = tuple[Purpose, Destination]


def aims(known: Known, purpose: Purpose | None, platform: Destination | None) -> list[Aim]:
    """What the policy speaks of, narrowed."""
    return [(one, where) for one, where in known.purposes() if purpose in {None, one} and platform in {None, where}]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A part of the people, judged for one aim: `subject_id`, `allowed`, `reason`, `event_id` and `country`.

    Of the event it rests on, `source`, `notice` and `days` (its age in days; null where unknown).
    """

    aim: Aim
    table: pa.Table


def judged(known: Known, wanted: list[Aim]) -> Iterator[Judged]:
    """Everybody for every aim, in parts of bounded size."""
    for ids in known.people():
        countries = _countries(known, ids)
        for aim in wanted:
            decided = known.decide(ids, *aim)
            events = _events(known, aim[0], decided["event_id"].combine_chunks())
            yield Judged(aim, decided.append_column("country", countries).join(events, "event_id", "event"))


def _countries(known: Known, ids: pa.Array) -> pa.Array:
    c = t.subject.c
    span = c.subject_id.between(ids[0].as_py(), ids[-1].as_py())
    rows = known.store.table(known.connection, select(c.subject_id, c.country).where(span))
    return rows["country"].combine_chunks().take(pc.index_in(ids, rows["subject_id"].combine_chunks()))


def _events(known: Known, purpose: Purpose, wanted: pa.Array) -> pa.Table:
    c = t.consent_event.c
    wanted = wanted.drop_null()
    columns = select(c.event_id.label("event"), c.stream, c.notice, c.event_time)
    if not len(wanted):
        rows = known.store.table(known.connection, columns.where(c.event_id < 0))
    else:
        span = c.event_id.between(pc.min(wanted).as_py(), pc.max(wanted).as_py())
        rows = known.store.table(known.connection, columns.where(c.purpose == purpose.value, span))
        rows = rows.filter(pc.is_in(rows["event"], wanted))
    days = pc.divide(pc.subtract(pa.scalar(known.at), rows["event_time"]), DAY)
    source = pc.replace_substring_regex(rows["stream"], "/.*$", "")
    return pa.table({"event": rows["event"], "source": source, "notice": rows["notice"], "days": days})


def consents(known: Known, purpose: Purpose | None, platform: Destination | None) -> Answer:
    """`audit consents`: coverage per aim, why not, and what the yeses rest on."""
    wanted = aims(known, purpose, platform)
    tables: dict[str, list[Line]] = {name: [] for name in ("coverage", "reasons", *_RESTS)}
    for part in judged(known, wanted):
        _count_in(tables, part)
    by = ["purpose", "destination"]
    answers = summed(tables["reasons"], [*by, "allowed", "reason"])
    heard = statements(known, purpose)
    return Answer(
        facts={"people": sum(len(ids) for ids in known.people()), "statements": sum(line["count"] for line in heard)},
        tables={
            "coverage": _coverage(answers, wanted),
            "reasons": [{**line, "meaning": REASONS.get(line["reason"], "")} for line in answers],
            **{f"by_{name}": summed(tables[name], [*by, name]) for name in _RESTS},
            "statements": heard,
        },
        findings=found(
            Found("statements permit under a notice that is not on file", _unfiled(known, heard)),
        ),
        advice="Put the text that people read into notices/: until then these consents count for nothing.",
    )


_RESTS = ("source", "notice", "country", "age")


def _count_in(tables: dict[str, list[Line]], part: Judged) -> None:
    about = {"purpose": part.aim[0].value, "destination": part.aim[1].value}

    def add(name: str, table: pa.Table, columns: list[str]) -> None:
        tables[name] += [{**about, **line} for line in tally(table, columns)]

    add("reasons", part.table, ["allowed", "reason"])
    yes = part.table.filter(part.table["allowed"])
    yes = yes.append_column("age", _ages(yes["days"].combine_chunks()))
    for name in _RESTS:
        add(name, yes, [name])


def _ages(days: pa.Array) -> pa.Array:
    labels = np.array([label for _, label in _AGES] + [_OLDER], dtype=object)
    limits = np.array([limit for limit, _ in _AGES])
    known = np.asarray(days.is_valid())
    place = np.searchsorted(limits, np.asarray(days.fill_null(0).to_numpy()), side="left")
    return pa.array(np.where(known, labels[place], _UNKNOWN), pa.string())


def _coverage(answers: list[Line], wanted: list[Aim]) -> list[Line]:
    lines = []
    for purpose, platform in wanted:
        here = [one for one in answers if (one["purpose"], one["destination"]) == (purpose.value, platform.value)]
        people, allowed = sum(one["people"] for one in here), sum(one["people"] for one in here if one["allowed"])
        basis = {word: sum(one["people"] for one in here if one["reason"] == word) for word in _BASES}
        line = {"purpose": purpose.value, "destination": platform.value, "people": people, "allowed": allowed}
        lines.append({**line, **basis, "percent": round(100 * allowed / people, 1) if people else 0.0})
    return lines


_BASES = ("consent", "legitimate_interest")


def statements(known: Known, purpose: Purpose | None = None) -> list[Line]:
    """What was heard, counted by purpose, state, notice and grade: statements, not people."""
    c = t.consent_event.c
    by = (c.purpose, c.state, c.notice, c.grade, c.channel)
    where = (
        c.log_index < known.log_size
        if purpose is None
        else and_(c.log_index < known.log_size, c.purpose == purpose.value)
    )
    rows = known.connection.execute(select(*by, func.count().label("count")).where(where).group_by(*by))
    lines = [dict(row) for row in rows.mappings()]
    return sorted(lines, key=lambda line: (-line["count"], *(str(line[column.name]) for column in by)))


def _unfiled(known: Known, heard: list[Line]) -> int:
    on_file = known.gate.notice_versions(known.connection)
    return sum(
        line["count"]
        for line in heard
        if line["state"] in _PERMITTING and line["notice"] is not None and line["notice"] not in on_file
    )


def expiring(known: Known, days: int) -> Answer:
    """`audit expiring`: who may be shared now and, if nothing is said until then, not any more in `days`."""
    later, lines, people = known.at + days * DAY, [], 0
    for ids in known.people():
        for purpose, platform in known.purposes():
            now, then = known.decide(ids, purpose, platform), known.decide(ids, purpose, platform, when=later)
            ends = pc.and_(now["allowed"], pc.equal(then["reason"], "expired"))
            events = _events(known, purpose, now["event_id"].combine_chunks().filter(ends.combine_chunks()))
            about = {"purpose": purpose.value, "destination": platform.value}
            lines += [{**about, **line} for line in tally(events, ["source", "notice"])]
            people += pc.sum(ends, min_count=0).as_py() or 0
    return Answer(
        facts={"within_days": days, "consents": people},
        tables={"expiring": summed(lines, ["purpose", "destination", "source", "notice"])},
        findings=found(Found(f"consents end within {days} days", people)),
        advice="Ask these people again before their consent ends; the segment's owner can do so by e-mail.",
    )


def expired(known: Known) -> Answer:
    """`audit expired`: whose consent has ended, who of them is still in an audience, and consents past 13 months."""
    lines, old, there = [], [], _present(known)
    for part in judged(known, known.purposes()):
        about = {"purpose": part.aim[0].value, "destination": part.aim[1].value}
        ended = part.table.filter(pc.equal(part.table["reason"], "expired"))
        inside = pc.is_in(ended["subject_id"], there.get(part.aim, pa.array([], pa.int64())))
        lines += [{**about, **line} for line in tally(ended.append_column("still_there", inside), ["still_there"])]
        aged = part.table.filter(pc.and_(part.table["allowed"], pc.greater(part.table["days"], THIRTEEN_MONTHS)))
        old += [{**about, **line} for line in tally(aged, ["source", "notice"])]
    still = sum(line["people"] for line in lines if line["still_there"])
    return Answer(
        facts={"expired": sum(line["people"] for line in lines), "still_in_an_audience": still},
        tables={
            "expired": summed(lines, ["purpose", "destination", "still_there"]),
            "older_than_13_months": summed(old, ["purpose", "destination", "source", "notice"]),
        },
        findings=found(Found("people are in an audience although their consent has expired", still)),
        advice="Run `passerelle sync --removals-only`: it takes them out.",
    )


def _present(known: Known) -> dict[Aim, pa.Array]:
    present: dict[Aim, list[np.ndarray]] = {}
    for target in known.targets():
        present.setdefault((target.purpose, target.platform), []).append(known.present(target))
    return {aim: pa.array(np.unique(np.concatenate(parts)), pa.int64()) for aim, parts in present.items()}
