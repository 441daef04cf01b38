"""What is held of a person: the encoding of a vault body, pure and columnar.

A body is a run of entries, each a field's code (1 byte), its value's length (2 bytes), the second since 1970 at
which it was first held (4 bytes), all little-endian, and the value in UTF-8. Entries stand by field, newest first.
"""

import itertools
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.vocabulary import Field

Ints = npt.NDArray[np.integer[Any]]

# Codes are for ever: bodies of years ago hold them.
CODES: dict[Field, int] = {
    Field.EMAIL: 1,
    Field.PHONE: 2,
    Field.EXTERNAL_ID: 3,
    Field.FIRST_NAME: 4,
    Field.LAST_NAME: 5,
    Field.FIRST_INITIAL: 6,
    Field.GENDER: 7,
    Field.BIRTH_YEAR: 8,
    Field.BIRTH_MONTH: 9,
    Field.BIRTH_DAY: 10,
    Field.CITY: 11,
    Field.STATE: 12,
    Field.POSTAL_CODE: 13,
    Field.COUNTRY: 14,
    Field.MOBILE_AD_ID: 15,
}
LONGEST = 1024
"""Bytes of a value beyond which it is no identifier."""

_HEAD = 7


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Held:
    """Entries as columns of one length: whose (a row number), which field (a code), since when (s), and the value."""

    person: Ints
    field: Ints
    since: Ints
    value: pa.Array
    """`binary`, UTF-8."""

    def __len__(self) -> int:
        return len(self.person)

    def __repr__(self) -> str:
        return f"<Held: {len(self)} entries>"

    def take(self, rows: Ints) -> "Held":
        """The entries at these places, in their order."""
        return Held(self.person[rows], self.field[rows], self.since[rows], self.value.take(pa.array(rows)))

    def of(self, person: Ints) -> "Held":
        """The same entries with other owners."""
        return Held(person, self.field, self.since, self.value)

    def slice(self, start: int, end: int) -> "Held":
        """Entries `start` to `end` - 1, without a copy."""
        span = slice(start, end)
        return Held(self.person[span], self.field[span], self.since[span], self.value[start:end])

    def at(self, second: int) -> "Held":
        """The same entries, first held at `second`."""
        return Held(self.person, self.field, np.full(len(self), second), self.value)

    def in_order(self) -> "Held":
        """By person, field, and newest first; equally new ones stay as they stand."""
        return self.take(np.lexsort((np.arange(len(self)), -self.since.astype(np.int64), self.field, self.person)))


def nothing() -> Held:
    """No entry."""
    none = np.zeros(0, np.int64)
    return Held(none, none, none, pa.array([], pa.binary()))


def together(parts: list[Held]) -> Held:
    """The entries of all parts, one part after the other."""
    values = pa.chunked_array([part.value for part in parts], pa.binary()).combine_chunks()
    return Held(
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.field for part in parts]),
        np.concatenate([part.since for part in parts]),
        values,
    )


def distinct(held: Held) -> Held:
    """The entries without repetitions of a person's value, whose first place stays. Case and outer spaces count not."""
    if not len(held):
        return held
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(held.value.cast(pa.string())))
    codes = pc.dictionary_encode(plain).indices.to_numpy().astype(np.int64)
    width = np.int64(codes.max() + 1)
    places = max(CODES.values()) + 1
    key = (held.person.astype(np.int64) * places + held.field) * width + codes
    return held.take(np.sort(np.unique(key, return_index=True)[1]))


def pack(held: Held, people: int) -> list[bytes]:
    """The bodies of persons 0 to `people` - 1, of entries in order."""
    count = len(held)
    lengths = pc.binary_length(held.value).to_numpy()
    head = np.zeros((count, _HEAD), np.uint8)
    head[:, 0] = held.field
    head[:, 1:3] = lengths.astype("<u2").view(np.uint8).reshape(-1, 2)
    head[:, 3:] = held.since.astype("<u4").view(np.uint8).reshape(-1, 4)
    heads = pa.Array.from_buffers(pa.binary(_HEAD), count, [None, pa.py_buffer(head)]).cast(pa.binary())
    blob = _data(pc.binary_join_element_wise(heads, held.value, pa.scalar(b"", pa.binary())))
    ends = np.concatenate([[0], np.cumsum(lengths + _HEAD)])
    bounds = ends[np.searchsorted(held.person, np.arange(people + 1))].tolist()
    return [blob[start:end] for start, end in itertools.pairwise(bounds)]


def unpack(bodies: list[bytes]) -> Held:
    """The entries of bodies, in order; person n's are those of the n-th body. Raises `ValueError` on a torn one."""
    blob = np.frombuffer(b"".join(bodies), np.uint8)
    lengths = np.fromiter((len(body) for body in bodies), np.int64, len(bodies))
    ends = np.cumsum(lengths)
    at = ends - lengths
    person = np.flatnonzero(at < ends)
    at, ends = at[person], ends[person]
    found: list[tuple[Ints, Ints]] = []
    while len(person):
        if (at + _HEAD > ends).any():
            raise ValueError("a vault body is torn")
        found.append((person, at))
        at = at + _HEAD + _number(blob, at + 1, 2)
        if (at > ends).any():
            raise ValueError("a vault body is torn")
        more = at < ends
        person, at, ends = person[more], at[more], ends[more]
    if not found:
        return nothing()
    owners = np.concatenate([part[0] for part in found])
    starts = np.concatenate([part[1] for part in found])
    order = np.argsort(starts, kind="stable")
    owners, starts = owners[order], starts[order]
    values = _slices(blob, starts + _HEAD, _number(blob, starts + 1, 2))
    return Held(owners, blob[starts].astype(np.int64), _number(blob, starts + 3, 4), values)


def lists(held: Held, people: int) -> pa.Table:
    """A `list<string>` column per field that anybody has, with a row per person; null for who has none."""
    columns = {}
    for field, code in CODES.items():
        rows = np.flatnonzero(held.field == code)
        if not len(rows):
            continue
        counts = np.bincount(held.person[rows], minlength=people)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        values = held.value.take(pa.array(rows)).cast(pa.string())
        columns[field.value] = pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))
    return pa.table(columns)


def _number(blob: npt.NDArray[np.uint8], at: Ints, width: int) -> npt.NDArray[np.int64]:
    number = np.zeros(len(at), np.int64)
    for place in range(width):
        number |= blob[at + place].astype(np.int64) << (8 * place)
    return number


def _slices(blob: npt.NDArray[np.uint8], starts: Ints, lengths: Ints) -> pa.Array:
    offsets = np.zeros(len(starts) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return pa.Array.from_buffers(
        pa.binary(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(blob[places]))]
    )


def _data(joined: pa.Array) -> bytes:
    buffer = joined.buffers()[2]
    return buffer.to_pybytes() if buffer is not None else b""
