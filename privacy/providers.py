"""Domains where many people have an e-mail address, and domains that look like slips of one."""

from functools import lru_cache
from typing import Final

_ENDINGS = {
    "gmail googlemail aol email icloud mac mail me msn protonmail rocketmail ymail": "com",
    "gmx": "at ch com de fr net",
    "hotmail": "be ca ch co.uk com de es fr it",
    "live": "be ca co.uk com fr it nl",
    "outlook": "be com de es fr it",
    "yahoo": "ca co.uk com de es fr it",
    "bbox free neuf orange sfr wanadoo": "fr",
    "freenet t-online web": "de",
    "libero virgilio": "it",
    "skynet telenet": "be",
    "laposte": "net",
    "bluewin": "ch",
    "sympatico": "ca",
    "proton": "me",
}

WELL_KNOWN: Final = frozenset(
    f"{name}.{ending}" for names, endings in _ENDINGS.items() for name in names.split() for ending in endings.split()
)
"""Domains of which many people have an address. None of them is a slip of another: `hotmail.fr` is no `hotmail.com`."""

_LONG = 5
"""From so many letters before the dot on, one letter's difference is rarely another name."""
_TARGETS = sorted(domain for domain in WELL_KNOWN if len(domain.partition(".")[0]) >= _LONG)
_CACHED = 65_536


@lru_cache(_CACHED)
def slip_of(domain: str) -> str | None:
    """The well-known domain that this one differs from by one letter (or two swapped), if any."""
    if domain in WELL_KNOWN:
        return None
    return next((known for known in _TARGETS if _one_apart(domain, known)), None)


def _one_apart(one: str, other: str) -> bool:
    """Whether an insertion, a deletion, a substitution or a swap of neighbours leads from one to the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    first = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, others = one[first:], other[first:]
    if len(one) != len(other):
        return rest[1:] == others or rest == others[1:]
    return rest[1:] == others[1:] or (rest[:2] == others[1::-1] and rest[2:] == others[2:])
