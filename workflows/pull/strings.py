"""What a page says of consent in fields that hold a signal as text: each distinct string is read once."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.roles import Signal
from passerelle.privacy.consent.events import shaped
from passerelle.privacy.consent.signals.columns import Ints, spoken
from passerelle.privacy.consent.signals.registry import TEXT
from passerelle.workflows.pull.consents import PERMITTING, moments


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """What one field's strings say. `said` has a statement a row, `rows` the page's row of each, in order."""

    field: str
    signal: Signal
    said: pa.Table
    rows: Ints
    count: int
    words: pa.Array

    @property
    def speaks(self) -> pa.Array:
        """Rows where it says something."""
        return pa.array(self._marked(np.ones(len(self.rows), bool)))

    @property
    def vetoes(self) -> pa.Array:
        """Rows where it does not permit something."""
        refuses = pc.invert(pc.is_in(self.said["state"], PERMITTING))
        return pa.array(self._marked(np.asarray(refuses.to_numpy(), bool)))

    def events(
        self, raw: pa.Table, table: pa.Table, rows: pa.Array, subject_ids: pa.Array, *, stream: pa.Array
    ) -> tuple[pa.Array, pa.Table]:
        """For each event its row, and the events of `rows`, whose people are `subject_ids`; `stream`: see `streams`."""
        place = pc.index_in(pa.array(self.rows), rows)
        heard = place.is_valid()
        place, said = place.filter(heard), self.said.filter(heard)
        at = rows.take(place)
        seen, exact = moments(raw, table, self.signal.at, at)
        undated = pc.is_null(said["event_time"])
        columns = {name: said[name] for name in said.column_names if name != "scope"}
        columns |= {
            "subject_id": subject_ids.take(place),
            "event_time": pc.if_else(undated, seen, said["event_time"]),
            "precision": pc.if_else(undated, exact, said["precision"]),
            "recorded_at": pc.coalesce(said["recorded_at"], seen),
            "stream": _scoped(stream.take(place), said["scope"]),
            "adapter": pa.repeat(TEXT[self.signal.kind].adapter, len(at)),
            "raw": self.words.take(at).cast(pa.binary()),
        }
        return at, shaped(pa.table(columns))

    def _marked(self, which: "np.typing.NDArray[np.bool_]") -> "np.typing.NDArray[np.bool_]":
        marked = np.zeros(self.count, bool)
        marked[self.rows[which]] = True
        return marked


def strings(shape: Shape, table: pa.Table) -> list[Strings]:
    """Every field of the page that holds a signal, read."""
    return [_read(name, signal, table.column(name)) for name, signal in shape.signals]


def _read(name: str, signal: Signal, column: pa.ChunkedArray) -> Strings:
    words = pc.utf8_trim_whitespace(column.combine_chunks().cast(pa.string()))
    words = pc.if_else(pc.equal(words, ""), None, words)
    coded = words.dictionary_encode()
    places = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
    read = TEXT[signal.kind].read
    said, rows = spoken([read(word) for word in coded.dictionary.to_pylist()], places)
    return Strings(name, signal, said, rows, len(words), words)


def _scoped(streams: pa.Array, scopes: pa.ChunkedArray) -> pa.ChunkedArray:
    """The record's stream with the signal's own scope in it: `crm.tc_string.tcf/0a1b…`."""
    whole, slash, record = (pc.replace_substring_regex(streams, "^([^/]*)(/?)(.*)$", f"\\{part}") for part in (1, 2, 3))
    named = pc.if_else(pc.equal(scopes, ""), whole, pc.binary_join_element_wise(whole, scopes, "."))
    return pc.binary_join_element_wise(named, slash, record, "")
