"""Where a person is, as far as a policy must know: countries by ISO 3166-1, groups of them, and a few states.

A group is a list of countries written down here, never "everywhere": somebody in a country that no rule names is
nobody's to share.
"""

from collections.abc import Mapping


def _codes(words: str) -> frozenset[str]:
    return frozenset(words.split())


COUNTRIES: frozenset[str] = _codes(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
    ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """
)

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

US_STATES: frozenset[str] = _codes(
    """
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK
    OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC
    """
)


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
