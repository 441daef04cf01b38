"""Dictionaries of corrections: what was meant by values, and by domains of e-mail addresses, that are slips."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from passerelle.privacy.providers import WELL_KNOWN

MOST_CORRECTIONS = 20_000
MOST_DOMAINS = 1_000
"""Each address is looked up under every spelling of its domain."""

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}")


def folded(value: str) -> str:
    """A value as a dictionary compares it: without spaces around it, in small letters."""
    return value.strip(" ").lower()


def _corrections(read: dict[str, str]) -> dict[str, str]:
    written = [folded(key) for key in read]
    if not all(written) or not all(map(folded, read.values())):
        raise PydanticCustomError(
            "corrections", "has an empty entry: both what was written and what was meant are needed"
        )
    if len(set(written)) < len(written):
        raise PydanticCustomError("corrections", "says twice what was meant by a value (capitals make no difference)")
    if any(folded(meant) in set(written) - {folded(key)} for key, meant in read.items()):
        raise PydanticCustomError("corrections", "corrects a correction: lead each value straight to what was meant")
    if len(read) > MOST_CORRECTIONS:
        raise PydanticCustomError("corrections", f"has more than {MOST_CORRECTIONS:,} entries")
    return read


def _domains(read: dict[str, str]) -> dict[str, str]:
    found = _corrections({key.lower(): value.lower() for key, value in read.items()})
    if not all(map(_DOMAIN.fullmatch, [*found, *found.values()])):
        raise PydanticCustomError("domains", "leads from a domain to a domain, without the @: `{gmial.com: gmail.com}`")
    if WELL_KNOWN & set(found):
        raise PydanticCustomError("domains", "takes a provider that many people use for a slip of another")
    if any(slip == meant for slip, meant in found.items()):
        raise PydanticCustomError("domains", "leads from a domain to itself")
    if len(found) > MOST_DOMAINS:
        raise PydanticCustomError("domains", f"has more than {MOST_DOMAINS:,} entries")
    return found


Corrections = Annotated[dict[str, str], AfterValidator(_corrections)]
"""From what was written to what was meant; spaces around a value and capitals make no difference."""

Domains = Annotated[dict[str, str], AfterValidator(_domains)]
"""From a domain that is a slip to the one that is meant."""
