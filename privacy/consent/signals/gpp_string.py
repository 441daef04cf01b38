"""IAB Global Privacy Platform strings: the header, the US sections, and the sections of the TCF inside them.

Source: IAB Tech Lab, "Global Privacy Platform String" 1.0 and its sections (December 2025). Sections are joined by `~`,
their parts by `.`. A section that is not known makes the whole string undecodable: it may hold an opt-out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from passerelle.privacy.consent.signals.bits import LONGEST, Bits, Undecodable, padded_lengths
from passerelle.privacy.consent.signals.gpp_layouts import (
    CHILD,
    NATIONAL,
    NATIONAL_LAYOUTS,
    STATES,
    VERSION_BITS,
    Layout,
)
from passerelle.privacy.consent.signals.tcf_string import TcString, decode_tc

TCF_EU, TCF_CANADA, US_PRIVACY = 2, 5, 6

_TYPE, _VERSION = 3, 1
_HIGHEST_SECTION = 4_095
_SENSITIVE_DATA = 8
_OPT_OUTS = (
    ("SaleOptOut", "SaleOptOutNotice"),
    ("SharingOptOut", "SharingOptOutNotice"),
    ("TargetedAdvertisingOptOut", "TargetedAdvertisingOptOutNotice"),
)
_GIVEN, _OPTED_OUT = 1, 1
_MANY_MEANINGS = {1: (60, 72)}
"""Lengths at which a US National section of a version may have been written by two layouts, or cut off from one."""
_USP_LETTERS = frozenset("YN-")
_LAYOUTS = {
    (number, layout.version, length): (layout, layout.choices)
    for number, layout in [*((NATIONAL, layout) for layout in NATIONAL_LAYOUTS), *STATES.items()]
    for length in padded_lengths(layout.bits)[:2]
}
"""The layout by section, version and length in bits with its padding."""


@dataclass(frozen=True, slots=True)
class UsSection:
    """A US section. Values: 0 not applicable, 1 opted out or no consent (of a notice: given), 2 the opposite."""

    name: str
    version: int
    values: Mapping[str, tuple[int, ...]]
    gpc: bool | None = None
    """The browser's own signal, where the section has that part."""

    @property
    def opted_out(self) -> bool:
        """Whether the person opted out of sale, sharing or targeted advertising, or was asked and has no answer."""
        return bool(self.gpc) or any(
            self.values.get(answer) == (_OPTED_OUT,)
            or (self.values.get(answer) == (0,) and self.values.get(notice) == (_GIVEN,))
            for answer, notice in _OPT_OUTS
        )

    @property
    def known_child(self) -> bool:
        """Whether the business knows that the person is a minor, whatever was consented to."""
        return any(self.values.get(CHILD, ()))


@dataclass(frozen=True, slots=True)
class UsPrivacy:
    """The old US Privacy string, `1YNN`: each letter is Y, N or - for not applicable."""

    notice: str
    opt_out: str
    covered: str

    @property
    def opted_out(self) -> bool:
        """Whether the person opted out of sale, or was told and has no answer."""
        return self.opt_out == "Y" or (self.notice == "Y" and self.opt_out == "-")


@dataclass(frozen=True, slots=True)
class GppString:
    """A decoded GPP string: its sections, in the header's order."""

    us: tuple[UsSection, ...] = ()
    us_privacy: UsPrivacy | None = None
    tcf_eu: TcString | None = None
    tcf_canada: bool = False
    """Whether a Canadian section is there. Not read: IAB's text and IAB's library write its vendors differently."""


def decode_gpp(text: str) -> GppString:
    """Decode a GPP string. Raises `Undecodable` for whatever an encoder of the standard does not write."""
    if len(text) > LONGEST:
        raise Undecodable("A consent string is too long.")
    header, *sections = text.split("~")
    numbers = _numbers(header)
    if len(numbers) != len(sections):
        raise Undecodable("A GPP string has other sections than its header says.")
    states, us_privacy, tcf_eu = [], None, None
    for number, section in zip(numbers, sections, strict=True):
        if number == TCF_EU:
            tcf_eu = decode_tc(section)
        elif number == TCF_CANADA:
            _check_letters(section)
        elif number == US_PRIVACY:
            us_privacy = decode_us_privacy(section)
        else:
            states.append(_us_section(number, section))
    return GppString(tuple(states), us_privacy, tcf_eu, tcf_canada=TCF_CANADA in numbers)


def decode_us_privacy(text: str) -> UsPrivacy:
    """Decode a US Privacy string of version 1. Raises `Undecodable`."""
    version, letters = text[:1], text[1:]
    if version != "1" or len(letters) != 3 or not _USP_LETTERS.issuperset(letters):  # noqa: PLR2004 - letters of 1YNN
        raise Undecodable("A US Privacy string is not a 1 and three of Y, N and -.")
    return UsPrivacy(*letters)


def _numbers(header: str) -> list[int]:
    bits = Bits.of(header)
    if bits.take(6) != _TYPE or bits.take(6) != _VERSION:
        raise Undecodable("A GPP string begins with no header of version 1.")
    ranges = bits.fibonacci_ranges(_HIGHEST_SECTION)
    bits.close()
    if not ranges:
        raise Undecodable("A GPP string has no section.")
    return [number for first, last in ranges for number in range(first, last + 1)]


def _check_meaning(values: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `Undecodable` where a US National section might be of another layout, cut off or padded to this length."""
    if values["MspaCoveredTransaction"] == (0,):
        raise Undecodable("A GPP string has a US National section of which the layout is not certain.")


def _check_letters(section: str) -> None:
    for part in section.split("."):
        Bits.of(part)


def _us_section(number: int, text: str) -> UsSection:
    core, *others = text.split(".")
    bits = Bits.of(core)
    version = bits.take(VERSION_BITS)
    layout, count = _layout(number, version, bits.length)
    values = _values(layout, _choices(bits, count))
    bits.close()
    if layout in NATIONAL_LAYOUTS and bits.length in _MANY_MEANINGS.get(version, ()):
        _check_meaning(values)
    if len(others) > 1 or (others and layout.beside is None):
        raise Undecodable("A GPP string has a section with a part too much.")
    gpc = None
    for other in others:
        gpc = _beside(layout, other)
    return UsSection(layout.name, version, values, gpc)


def _layout(number: int, version: int, length: int) -> tuple[Layout, int]:
    """Find the layout, and how many values it has. Raises `Undecodable` where no version is of that length."""
    found = _LAYOUTS.get((number, version, length))
    if found is None:
        raise Undecodable("A GPP string has a section of an unknown number, version or length.")
    return found


def _choices(bits: Bits, count: int) -> list[int]:
    """Read so many values of two bits. Raises `Undecodable` where one of them is 3, which means nothing."""
    word = bits.take(2 * count)
    ones = ((1 << 2 * count) - 1) // 3
    if word & word >> 1 & ones:
        raise Undecodable("A GPP string has a value that there is not.")
    return [word >> shift & 3 for shift in range(2 * count - 2, -1, -2)]


def _values(layout: Layout, choices: list[int]) -> dict[str, tuple[int, ...]]:
    values, at = {}, 0
    for name, count in layout.fields:
        values[name] = tuple(choices[at : at + count])
        at += count
    return values


def _beside(layout: Layout, text: str) -> bool | None:
    """Read the part beside the core. Sensitive data change no answer about advertising; they are only checked."""
    bits = Bits.of(text)
    gpc = None
    if layout.beside == "gpc":
        if bits.take(2) != 1:
            raise Undecodable("A GPP string has a part of an unknown type.")
        gpc = bits.take(1) == 1
    else:
        _choices(bits, _SENSITIVE_DATA)
    bits.close()
    return gpc
