"""Where a person is, as far as a policy must know: countries by ISO 3166-1, groups of them, and a few states.

A group is a list of countries written down here, never "everywhere": somebody in a country that no rule names is
nobody's to share.
"""

from collections.abc import Mapping

from passerelle.privacy.identifiers import countries
from passerelle.privacy.identifiers.places import us_states


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


COUNTRIES: frozenset[str] = countries.every_code()
"""Every ISO 3166-1 code."""

FRENCH_OUTERMOST: frozenset[str] = frozenset({"GP", "MQ", "GF", "RE", "YT", "MF"})
"""French territories with country codes of their own, where EU law holds as in the rest of France."""

EU: frozenset[str] = (
    _codes(
        """
    AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE AX
    """
    )
    | FRENCH_OUTERMOST
)

GROUPS: Mapping[str, frozenset[str]] = {
    "FR": frozenset({"FR"}) | FRENCH_OUTERMOST,
    "UK": frozenset({"GB"}),
    "EU": EU,
    "EEA": EU | {"IS", "LI", "NO"},
}
"""Groups that every policy may name. `FR` has the outermost territories with it; `UK` is the country code GB."""

US_STATES: frozenset[str] = frozenset(code.upper() for code in us_states().values())


def is_place(code: str) -> bool:
    """Whether `code` is one country, or one state of the United States written `US-CA`."""
    country, _, state = code.partition("-")
    if not state:
        return code in COUNTRIES and code == country
    return country == "US" and state in US_STATES


def places(name: str, groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The places that a jurisdiction's name in a policy stands for; empty where it means nothing."""
    named = groups.get(name) or GROUPS.get(name)
    if named is not None:
        return named
    return frozenset({name}) if is_place(name) else frozenset()
