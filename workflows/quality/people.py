"""People who are probably one, found among identifiers in memory; kept as pairs of numbers with a score.

Such a pair only ever takes people out: a no of one is a no of both (`privacy.consent.likely`). No consent is extended,
nobody is merged, and nothing that identifies anybody leaves this module: reports and review files have levels of
agreement, counts and references.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from passerelle.privacy.consent.likely import JUDGED, tie
from passerelle.privacy.duplicates import Found, Kind, find, named
from passerelle.privacy.store.tables import probable_link, subject
from passerelle.privacy.vocabulary import Field
from passerelle.workflows.quality.gate import engine_limits

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.workflows.workspace import Workspace

_KINDS: Mapping[Field, Kind] = {
    Field.FIRST_NAME: Kind.NAME,
    Field.LAST_NAME: Kind.NAME,
    Field.EMAIL: Kind.CODE,
    Field.PHONE: Kind.CODE,
    Field.POSTAL_CODE: Kind.CODE,
    Field.CITY: Kind.NAME,
}
_BIRTHDAY = (Field.BIRTH_YEAR, Field.BIRTH_MONTH, Field.BIRTH_DAY)
_SOURCE = "quality"
_PER_MILLE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Probable:
    """Pairs that are probably one person. `refs` are the two people's, aligned with the pairs of `found`.

    `judged`: the pairs that somebody looked at already, and called the same or different.
    """

    people: int
    ids: pa.Int64Array
    refs: tuple[pa.StringArray, pa.StringArray]
    found: Found
    judged: npt.NDArray[np.bool_]


def probable_people(workspace: "Workspace") -> Probable:
    """Compare everybody who is known and not erased. Reads identifiers, in memory, and writes nothing.

    Addresses are compared as the dictionary of slips corrects them.
    """
    store, engine = workspace.store(), engine_limits(workspace)
    with store.read() as connection:
        live = select(subject.c.subject_id).where(subject.c.merged_into.is_(None), subject.c.erased_at.is_(None))
        ids = store.table(connection, live.order_by(subject.c.subject_id))["subject_id"].combine_chunks()
        table = _told(workspace, connection, ids)
        kinds = {field.value: kind for field, kind in _KINDS.items()} | {"birthday": Kind.CODE}
        columns = [named(name, kind) for name, kind in kinds.items() if table[name].null_count < len(table)]
        found = find(table, columns, memory=engine.memory, threads=engine.threads)
        left, right = (
            workspace.subjects().refs(connection, ids.take(pa.array(side))) for side in (found.left, found.right)
        )
        pairs = probable_link.c
        seen = store.table(connection, select(pairs.subject_id, pairs.other_id).where(pairs.source == JUDGED))
    return Probable(len(ids), ids, (left, right), found, _among(ids, found, seen))


def keep_ties(workspace: "Workspace", probable: Probable, *, threshold: float, now: int) -> int:
    """Keep the pairs from `threshold` on; how many those are. The same again changes nothing.

    Of pairs that somebody judged, the judgement counts.
    """
    there = (probable.found.probability >= threshold) & ~probable.judged
    ids = probable.ids.to_numpy()
    pairs = pa.table(
        {
            "subject_id": ids[probable.found.left[there]],
            "other_id": ids[probable.found.right[there]],
            "score": np.floor(probable.found.probability[there] * _PER_MILLE).astype(np.int64),
        }
    )
    if pairs.num_rows:
        store = workspace.store()
        with store.write() as connection:
            tie(store, connection, pairs, source=_SOURCE, now=now)
    return int(there.sum())


def _told(workspace: "Workspace", connection: "Connection", ids: pa.Int64Array) -> pa.Table:
    """What each person newest said of themselves, one column of text per field."""
    held = workspace.subjects().identifiers(connection, ids).reveal()
    columns = {field.value: _newest(held, field, len(ids)) for field in _KINDS}
    if workspace.spellings:
        plain = pc.utf8_lower(pc.utf8_trim_whitespace(columns["email"]))
        columns["email"] = workspace.spellings.corrected(plain)
    born = [_newest(held, field, len(ids)) for field in _BIRTHDAY]
    columns["birthday"] = pc.binary_join_element_wise(*(_padded(part) for part in born), "-")
    return pa.table(columns)


def _among(ids: pa.Int64Array, found: Found, pairs: pa.Table) -> npt.NDArray[np.bool_]:
    """Which of the pairs that were found are among these."""
    numbers = ids.to_numpy()
    there = set(zip(pairs["subject_id"].to_pylist(), pairs["other_id"].to_pylist(), strict=True))
    mine = zip(numbers[found.left].tolist(), numbers[found.right].tolist(), strict=True)
    return np.array([pair in there for pair in mine], np.bool_)


def _newest(held: pa.Table, field: Field, count: int) -> pa.Array:
    if field.value not in held.column_names:
        return pa.nulls(count, pa.string())
    values = held[field.value].combine_chunks()
    some = pc.fill_null(pc.greater(pc.list_value_length(values), 0), fill_value=False)
    return pc.list_element(pc.if_else(some, values, pa.scalar([None], values.type)), 0).cast(pa.string())


def _padded(part: pa.Array) -> pa.Array:
    return pc.utf8_lpad(part, 2, "0")
