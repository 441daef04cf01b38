"""The consent log read as columns: all of one purpose, without a Python object per row where the store is a file.

SQLite's own driver hands out rows; `Store.committed` hands out Arrow, several times faster, from a process of its own.
Events are only ever appended, in the order of their ids, so what that process sees and the caller's transaction sees
differ by the newest events alone: later ones are left out by their id, and those that the caller has written and not
yet committed are read from the caller's connection.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Select, and_, func, select
from sqlalchemy.sql.elements import ColumnElement

from passerelle.privacy.consent.columns import dictionary
from passerelle.privacy.consent.heard import HISTORY
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.store.reading import legible

COLUMNS = tuple(name for name in HISTORY.names if name not in {"origin", "linked"})
"""Columns of `HISTORY` that stand in the store."""

_WORDS = ("state", "precision", "grade", "channel", "stop", "expression", "notice", "recipients")
_NUMBERS = ("event_id", "subject_id", "event_time", "ingested_at", "valid_until")
_CODED = pa.dictionary(pa.int32(), pa.string())
_UNIT = "\x1f"
_NOTHING = -(2**62)
"""No time that an event can have: SQLite reads a column whose first rows are null as something else."""
_FETCH = 100_000


def chosen(connection: Connection, statement: Select[Any]) -> pa.Table:
    """The rows of a statement on `COLUMNS`, a bounded number at a time; texts as dictionaries, since they repeat."""
    kinds = [_CODED if HISTORY.field(name).type == pa.string() else HISTORY.field(name).type for name in COLUMNS]
    schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
    batches = []
    with legible():
        cursor = connection.execute(statement).cursor
        while rows := cursor.fetchmany(_FETCH):
            columns = [
                pa.array(values, HISTORY.field(name).type).cast(kind)
                for values, name, kind in zip(zip(*rows, strict=True), COLUMNS, kinds, strict=True)
            ]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)


def everybody(
    store: Store, connection: Connection, purpose: str, limits: list[ColumnElement[bool]], span: tuple[int, int] | None
) -> pa.Table:
    """The events of one purpose within `limits`: of everybody, or of the ids of `span`, both ends included."""
    c = t.consent_event.c
    about = [c.purpose == purpose, *limits]
    if span is not None:
        about.append(c.subject_id.between(*span))
    wanted = select(*(c[name] for name in COLUMNS)).where(and_(*about))
    last = connection.scalar(select(func.max(c.event_id))) or 0
    newest = select(func.coalesce(func.max(c.event_id), 0).label("last"))
    found = store.committed([newest, _plain([*about, c.event_id <= last])])
    if found is None:
        return chosen(connection, wanted)
    try:
        first, committed = _shaped(found[1]), int(found[0]["last"][0].as_py())
    except pa.ArrowInvalid:  # its text quotes the value
        raise _mistyped() from None
    if committed >= last:
        return first
    return pa.concat_tables([first, chosen(connection, wanted.where(c.event_id > committed))])


def _plain(about: list[ColumnElement[bool]]) -> Select[Any]:
    """The same columns without null, and all words in one text."""
    c = t.consent_event.c
    numbers = [func.coalesce(c[name], _NOTHING).label(name) for name in _NUMBERS]
    words: ColumnElement[str] = func.coalesce(c[_WORDS[0]], "")
    for name in _WORDS[1:]:
        words = words.concat(_UNIT).concat(func.coalesce(c[name], ""))
    return select(*numbers, c.stream, words.label("words")).where(and_(*about))


def _mistyped() -> IntegrityError:
    return IntegrityError(
        "The consent log cannot be read: a column holds a value of another type.",
        advice="Someone changed the store by hand; `passerelle audit verify` says where.",
    )


def _shaped(rows: pa.Table) -> pa.Table:
    """`COLUMNS`, from numbers without null and words in one text."""
    coded = dictionary(rows["words"].cast(pa.string()))
    split = [one.split(_UNIT) for one in coded.dictionary.to_pylist()]
    if any(len(one) != len(_WORDS) for one in split):
        raise _mistyped()
    columns: dict[str, Any] = {"stream": rows["stream"].cast(pa.string()).dictionary_encode()}
    for place, name in enumerate(_WORDS):
        word = pa.array([one[place] or None for one in split], pa.string()).dictionary_encode()
        columns[name] = pa.DictionaryArray.from_arrays(word.indices.take(coded.indices), word.dictionary)
    for name in _NUMBERS:
        values = rows[name].combine_chunks()
        numbers = np.asarray(values.cast(pa.int64()).to_numpy())
        columns[name] = pa.array(numbers, mask=numbers == _NOTHING) if name.endswith(("time", "until")) else values
    return pa.table({name: columns[name] for name in COLUMNS})
