"""An encoder of our own for tests: small, slow, and written from the standards, not from the decoders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from passerelle.privacy.consent.signals.bits import Ids
from passerelle.privacy.consent.signals.tcf_string import PublisherPurposes, Restriction, TcString

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass
class Pen:
    """Bits as they are written; `content` holds the places of bits that themselves say yes or no, or to whom."""

    bits: str = ""
    content: set[int] = field(default_factory=set)

    def put(self, value: int, width: int, *, content: bool = False) -> None:
        if content:
            self.content |= set(range(len(self.bits), len(self.bits) + width))
        self.bits += format(value, f"0{width}b") if width else ""

    def ids(self, ids: Ids) -> None:
        self.put(ids.top, 16)
        self.put(ids.ranges is not None, 1)
        if ids.ranges is None:
            self.put(ids.field, ids.top, content=True)
        else:
            self.int_ranges(ids.ranges)

    def int_ranges(self, ranges: Sequence[tuple[int, int]]) -> None:
        self.put(len(ranges), 12, content=True)
        for first, last in ranges:
            self.put(first != last, 1, content=True)
            self.put(first, 16, content=True)
            self.put(last, 16 if first != last else 0, content=True)

    def fibonacci(self, number: int) -> None:
        series = [1, 2]
        while series[-1] <= number:
            series.append(series[-1] + series[-2])
        word, started = "", False
        for weight in reversed(series):
            taken = weight <= number
            started = started or taken
            number -= weight * taken
            word = (str(int(taken)) + word) if started else word
        self.bits += word + "1"

    def text(self) -> str:
        padded = self.bits + "0" * (-len(self.bits) % 6)
        return "".join(LETTERS[int(padded[at : at + 6], 2)] for at in range(0, len(padded), 6))


def core(tc: TcString) -> Pen:
    pen = Pen()
    pen.put(2, 6)
    pen.put(tc.created // 100_000, 36)
    pen.put(tc.last_updated // 100_000, 36)
    pen.put(tc.cmp_id, 12)
    pen.put(tc.cmp_version, 12)
    pen.put(tc.consent_screen, 6)
    _letters(pen, tc.language)
    pen.put(tc.vendor_list_version, 12)
    pen.put(tc.policy_version, 6)
    pen.put(tc.service_specific, 1)
    pen.put(tc.non_standard_texts, 1)
    pen.put(tc.special_features.field, 12)
    pen.put(tc.purpose_consents.field, 24, content=True)
    pen.put(tc.purpose_interests.field, 24)
    pen.put(tc.purpose_one_undisclosed, 1)
    _letters(pen, tc.publisher_country)
    pen.ids(tc.vendor_consents)
    pen.ids(tc.vendor_interests)
    pen.put(len(tc.restrictions), 12, content=True)
    for rule in tc.restrictions:
        _restriction(pen, rule)
    return pen


def tc_string(tc: TcString) -> str:
    parts = [core(tc).text()]
    for kind, ids in [(1, tc.disclosed), (2, tc.allowed)]:
        if ids is not None:
            pen = Pen()
            pen.put(kind, 3)
            pen.ids(ids)
            parts.append(pen.text())
    if tc.publisher is not None:
        parts.append(_publisher(tc.publisher))
    return ".".join(parts)


def gpp_header(numbers: Sequence[int]) -> str:
    pen = Pen()
    pen.put(3, 6)
    pen.put(1, 6)
    pen.put(len(numbers), 12)
    seen = 0
    for number in sorted(numbers):
        pen.put(0, 1)
        pen.fibonacci(number - seen)
        seen = number
    return pen.text()


def us_core(version: int, fields: Sequence[tuple[str, int]], values: Mapping[str, Sequence[int]]) -> str:
    pen = Pen()
    pen.put(version, 6)
    for name, count in fields:
        for value in values.get(name, [0] * count):
            pen.put(value, 2)
    return pen.text()


def flipped(text: str, bit: int) -> str:
    """One bit of one character turned over."""
    at, shift = divmod(bit, 6)
    return text[:at] + LETTERS[LETTERS.index(text[at]) ^ (32 >> shift)] + text[at + 1 :]


def same_content(one: str, other: str) -> bool:
    """Whether two strings differ in padding and in the order of their parts alone."""
    return sorted(part.rstrip("A") for part in one.split(".")) == sorted(part.rstrip("A") for part in other.split("."))


def _restriction(pen: Pen, rule: Restriction) -> None:
    pen.put(rule.purpose, 6, content=True)
    pen.put(rule.kind, 2, content=True)
    assert rule.vendors.ranges is not None
    pen.int_ranges(rule.vendors.ranges)


def _publisher(publisher: PublisherPurposes) -> str:
    pen = Pen()
    pen.put(3, 3)
    pen.put(publisher.consents.field, 24)
    pen.put(publisher.interests.field, 24)
    pen.put(publisher.custom_consents.top, 6)
    pen.put(publisher.custom_consents.field, publisher.custom_consents.top)
    pen.put(publisher.custom_interests.field, publisher.custom_interests.top)
    return pen.text()


def _letters(pen: Pen, word: str) -> None:
    for letter in word:
        pen.put(ord(letter) - 65, 6)
