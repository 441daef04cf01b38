"""Bits of a consent string, read from left to right and never past their end.

The one rule from which the rest follows: what decodes is, bit for bit, what an encoder writes for it. Too few bits,
too many, a set bit in the padding or a foreign character make the whole string undecodable.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Self

from passerelle.privacy.errors import DefinitionError

LONGEST = 100_000
"""Characters of a string that are looked at at all: 65,535 vendors in three bitfields take a third of it."""

_ID = (1 << 16) - 1
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Undecodable(DefinitionError):
    """A string is not what the standard writes. The message names the rule that it breaks and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Ids:
    """A set of numbers from 1 to `top`, kept as the string kept it: a bit each, or ranges of first and last."""

    top: int
    field: int = 0
    ranges: tuple[tuple[int, int], ...] | None = None

    def __contains__(self, number: int) -> bool:
        """Look one number up without unfolding the others."""
        if not 1 <= number <= self.top:
            return False
        if self.ranges is None:
            return self.field >> (self.top - number) & 1 == 1
        return any(first <= number <= last for first, last in self.ranges)

    def all_of(self) -> frozenset[int]:
        """Every number of the set: for comparing, not for looking up."""
        if self.ranges is None:
            return frozenset(number for number in range(1, self.top + 1) if number in self)
        return frozenset(number for first, last in self.ranges for number in range(first, last + 1))


class Bits:
    """A reading position in the bits of one base64url text."""

    __slots__ = ("_at", "_data", "length")

    def __init__(self, data: bytes, length: int) -> None:
        self._data = data
        self.length = length
        self._at = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Six bits a character, of an alphabet of 64. Raises `Undecodable` for an empty text or any other character."""
        if len(text) > LONGEST:
            raise Undecodable("A part of a consent string is too long.")
        if _ALPHABET.fullmatch(text) is None:
            raise Undecodable("A part of a consent string is empty, or has a character that base64url has not.")
        return cls(urlsafe_b64decode(text + "AAA"[: -len(text) % 4]), 6 * len(text))

    def take(self, width: int) -> int:
        """Give the next `width` bits as an unsigned number. Raises `Undecodable` where fewer are left."""
        end = self._at + width
        if end > self.length:
            raise Undecodable("A part of a consent string ends too early.")
        first, last = self._at >> 3, end + 7 >> 3
        self._at = end
        return int.from_bytes(self._data[first:last]) >> (last * 8 - end) & ((1 << width) - 1)

    def field(self, width: int) -> Ids:
        """Read a bitfield of fixed width, its first bit being number 1."""
        return Ids(width, self.take(width))

    def ids(self) -> Ids:
        """Read an optimised integer range: the highest id, then a bit for each, or ranges."""
        top = self.take(16)
        if self.take(1):
            return Ids(top, ranges=self.int_ranges(top))
        return Ids(top, self.take(top))

    def int_ranges(self, top: int) -> tuple[tuple[int, int], ...]:
        """Read an integer range: a count, then single ids and groups of first and last, none above `top`."""
        ranges = []
        for _ in range(self.take(12)):
            # One look at flag and first id, for speed: strings hold hundreds of these.
            word = self.take(17)
            first = word & _ID
            last = self.take(16) if word > _ID else first
            if not 1 <= first <= last <= top or (word > _ID and first == last):
                raise Undecodable("A range of a consent string is upside down or outside its bounds.")
            ranges.append((first, last))
        return tuple(ranges)

    def fibonacci(self) -> int:
        """Read a Fibonacci-coded number, which ends with two set bits in a row."""
        number, weight, following, before = 0, 1, 2, 0
        while True:
            bit = self.take(1)
            if bit and before:
                return number
            number += weight * bit
            weight, following, before = following, weight + following, bit

    def fibonacci_ranges(self, top: int) -> tuple[tuple[int, int], ...]:
        """Read a Fibonacci range: offsets from the last number seen, and lengths of groups. Ascending by nature."""
        ranges, seen = [], 0
        for _ in range(self.take(12)):
            group = self.take(1)
            first = seen + self.fibonacci()
            seen = first + self.fibonacci() if group else first
            if seen > top:
                raise Undecodable("A range of a consent string is outside its bounds.")
            ranges.append((first, seen))
        return tuple(ranges)

    def close(self) -> None:
        """Make sure that nothing but the padding of a known encoder is left: to 6 bits, to bytes, or to 24 bits."""
        used = self._at
        if self.length not in padded_lengths(used) or self.take(self.length - used):
            raise Undecodable("A part of a consent string goes on after its end.")


def padded_lengths(used: int) -> tuple[int, int, int]:
    """Lengths in bits at which `used` bits come out: padded to characters, to whole bytes first, or to 24 bits."""
    sixes = -(-used // 6) * 6
    bytes_first = -(-(-(-used // 8) * 8) // 6) * 6
    return sixes, bytes_first, -(-used // 24) * 24
