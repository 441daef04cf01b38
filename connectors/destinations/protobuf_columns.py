"""Protocol buffers by the column: the bytes of very many small messages in a few Arrow calls.

A message inside another is its field's tag, its length and its own bytes, one field after the other; so is a text.
Tags come from the vendor's own descriptors. Whoever parses the bytes gets what setting each field would have made.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.destinations.google_types import Message

_DELIMITED = 2
"""The wire type of texts, bytes and messages."""
_NOTHING = pa.scalar(b"", pa.binary())


def tag(message: Message, *path: str) -> bytes:
    """What stands before the field at the end of a path of fields that begins at a message's type."""
    descriptor = message.DESCRIPTOR
    for name in path[:-1]:
        descriptor = descriptor.fields_by_name[name].message_type
    return varint(descriptor.fields_by_name[path[-1]].number << 3 | _DELIMITED)


def varint(number: int) -> bytes:
    """A whole number as protocol buffers write it, seven bits a byte."""
    written = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def delimited(before: bytes, values: pa.Array) -> pa.BinaryArray:
    """Each value as a field: its tag, its length, itself. No bytes where the value is null."""
    values = values.cast(pa.binary())
    lengths, which = np.unique(pc.fill_null(pc.binary_length(values), 0).to_numpy(), return_inverse=True)
    heads = pa.array([before + varint(length) for length in lengths.tolist()], pa.binary()).take(pa.array(which))
    return pc.fill_null(pc.binary_join_element_wise(heads, values, _NOTHING), b"")


def repeated(before: bytes, inside: bytes, lists: pa.ListArray) -> pa.BinaryArray:
    """Per list, each of its values as the one field `inside` of a message, which is a field itself."""
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    fields = delimited(before, delimited(inside, pc.list_flatten(lists)))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, fields), b"")


def joined(*parts: pa.Array | bytes) -> pa.BinaryArray:
    """The fields of each message, one after the other."""
    scalars: Sequence[object] = [pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in parts]
    return pc.binary_join_element_wise(*scalars, _NOTHING)


def together(messages: pa.BinaryArray) -> bytes:
    """All of them as the bytes of one message that they are fields of."""
    offsets = pa.array([0, len(messages)], pa.int32())
    whole: bytes = pc.binary_join(pa.ListArray.from_arrays(offsets, messages), b"")[0].as_py()
    return whole
