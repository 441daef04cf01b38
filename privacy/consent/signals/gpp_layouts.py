"""The US sections of an IAB GPP string, field by field: names as in the standard, widths in bits.

Source: IAB Tech Lab, Global Privacy Platform, US National and US State specifications (December 2025). A field is two
bits wide unless it is listed here; a list of n fields takes two bits for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_MSPA = ("MspaCoveredTransaction", "MspaOptOutOptionMode", "MspaServiceProviderMode")
_SALE_AND_ADS = ("SaleOptOutNotice", "TargetedAdvertisingOptOutNotice")
_OPT_OUTS = ("SaleOptOut", "TargetedAdvertisingOptOut")
VERSION_BITS = 6
SENSITIVE, CHILD = "SensitiveDataProcessing", "KnownChildSensitiveDataConsents"


@dataclass(frozen=True, slots=True)
class Layout:
    """A section's core: fields in order, each with its count of two-bit values; the first is a version of six bits.

    `beside` is the one further part that the section may have: `gpc`, `sensitive` or none.
    """

    name: str
    version: int
    fields: tuple[tuple[str, int], ...]
    beside: str | None = None

    @property
    def choices(self) -> int:
        """How many values of two bits the core has."""
        return sum(count for _, count in self.fields)

    @property
    def bits(self) -> int:
        """How long the core is, without its padding."""
        return VERSION_BITS + 2 * self.choices


def _layout(name: str, *fields: str | tuple[str, int], beside: str | None, version: int = 1) -> Layout:
    counted = tuple((field, 1) if isinstance(field, str) else field for field in fields)
    return Layout(name, version, counted, beside)


def _national(version: int, sensitive: int, children: int) -> Layout:
    notices = ("SharingNotice", "SaleOptOutNotice", "SharingOptOutNotice", "TargetedAdvertisingOptOutNotice")
    limits = ("SensitiveDataProcessingOptOutNotice", "SensitiveDataLimitUseNotice")
    outs = ("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut")
    lists = ((SENSITIVE, sensitive), (CHILD, children))
    return _layout(
        "usnat", *notices, *limits, *outs, *lists, "PersonalDataConsents", *_MSPA, beside="gpc", version=version
    )


def _state(name: str, first: str, sensitive: int, children: int, beside: str | None = "gpc") -> Layout:
    return _layout(
        name,
        first,
        *_SALE_AND_ADS,
        *_OPT_OUTS,
        (SENSITIVE, sensitive),
        (CHILD, children),
        "AdditionalDataProcessingConsent",
        *_MSPA,
        beside=beside,
    )


def _early_state(name: str, sensitive: int, children: int, beside: str | None, *, asks: str | None = None) -> Layout:
    first = "ProcessingNotice" if name == "usia" else "SharingNotice"
    notices = (first, *_SALE_AND_ADS) if asks is None else (first, *_SALE_AND_ADS, asks)
    return _layout(name, *notices, *_OPT_OUTS, (SENSITIVE, sensitive), (CHILD, children), *_MSPA, beside=beside)


def _late_state(name: str, *, children: bool) -> Layout:
    """Lay out the sections of 2025, which begin with the version of the MSPA and have no version of their own."""
    known = ((CHILD, 1),) if children else ()
    return _layout(
        name,
        "MspaCoveredTransaction",
        "MspaMode",
        "ProcessingNotice",
        *_SALE_AND_ADS,
        *_OPT_OUTS,
        *known,
        "AdditionalDataProcessingConsent",
        beside="sensitive" if children else "gpc",
    )


NATIONAL = 7
NATIONAL_LAYOUTS = (_national(1, 12, 2), _national(1, 16, 3), _national(2, 16, 3))
"""Version 1 as published, version 1 as IAB's library wrote it for a while (with version 2's lists), version 2.

One doubt is left that no reader can settle: the second, cut off by exactly two characters, can look like the first,
with the children's list in another place. The opt-outs stand before that and are read right either way.
"""

STATES: Mapping[int, Layout] = {
    8: _layout(
        "usca",
        "SaleOptOutNotice",
        "SharingOptOutNotice",
        "SensitiveDataLimitUseNotice",
        "SaleOptOut",
        "SharingOptOut",
        (SENSITIVE, 9),
        (CHILD, 2),
        "PersonalDataConsents",
        *_MSPA,
        beside="gpc",
    ),
    9: _early_state("usva", 8, 1, None),
    10: _early_state("usco", 7, 1, "gpc"),
    11: _early_state("usut", 8, 1, None, asks="SensitiveDataProcessingOptOutNotice"),
    12: _early_state("usct", 8, 3, "gpc"),
    13: _state("usfl", "ProcessingNotice", 8, 3, None),
    14: _state("usmt", "SharingNotice", 8, 3),
    15: _state("usor", "ProcessingNotice", 11, 3),
    16: _state("ustx", "ProcessingNotice", 8, 1),
    17: _state("usde", "ProcessingNotice", 9, 5),
    18: _early_state("usia", 8, 1, "gpc", asks="SensitiveDataOptOutNotice"),
    19: _state("usne", "ProcessingNotice", 8, 1),
    20: _state("usnh", "ProcessingNotice", 8, 3),
    21: _state("usnj", "ProcessingNotice", 10, 5),
    22: _state("ustn", "ProcessingNotice", 8, 1),
    23: _state("usmn", "ProcessingNotice", 8, 1),
    24: _late_state("usmd", children=False),
    25: _late_state("usin", children=True),
    26: _late_state("usky", children=True),
    27: _late_state("usri", children=True),
}
"""The state sections by their id."""
