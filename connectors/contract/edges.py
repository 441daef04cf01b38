"""Blanks around text: what a cell holds besides its value."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EDGE = r"^[\s\p{Z}\x{200b}\x{feff}]+|[\s\p{Z}\x{200b}\x{feff}]+$"
_BLANK = 0x20
_LATIN = 0xC3
"""The first byte of À to ÿ, of which no blank is."""


def _bytes(*values: int) -> np.ndarray:
    found = np.zeros(256, np.bool_)
    found[[*range(_BLANK + 1), *values]] = True
    return found


_FIRST = _bytes(0xC2, 0xE1, 0xE2, 0xE3, 0xEF)
"""Bytes that a blank of Unicode begins with, and more."""
_LAST = _bytes(*range(0x80, 0x8C), 0x9F, 0xA0, 0xA8, 0xA9, 0xAF, 0xBF)
"""Bytes that one ends with, and more."""


def stripped(text: pa.Array) -> pa.Array:
    """Text without outer blanks; null where nothing remains."""
    if may_be_blank_at_an_end(text):
        text = pc.replace_substring_regex(text, _EDGE, "")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def may_be_blank_at_an_end(text: pa.Array) -> bool:
    """False where surely no value begins or ends with a blank: by first and last bytes, since looking costs more."""
    _, places, data = text.buffers()
    if data is None or not data.size:
        return False
    at = np.frombuffer(places, np.int32, len(text) + 1, text.offset * 4)
    content = np.frombuffer(data, np.uint8)
    some = at[1:] > at[:-1]
    last = at[1:][some] - 1
    ends = content[last]
    foreign = content[np.maximum(last - 1, 0)] != _LATIN
    return bool((_FIRST[content[at[:-1][some]]] | _LAST[ends] & (foreign | (ends <= _BLANK))).any())
