"""Names of sources, destinations, segments and audiences: safe in files, tables, log entries and workflows."""

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import StringConstraints

PROJECT = "passerelle.yaml"
"""The file that makes a folder a workspace."""

QUALITY = "quality.yaml"
"""The file that says what is expected of what is pulled."""

NAME_PATTERN = r"^[a-z0-9_]{1,64}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""1 to 64 of: small letters without accents, digits, underscores."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?` or `` for a word that is not among `known`. Quotes only known words, never `word`."""
    known = list(known)
    shuffled = [each for each in known if sorted(each) == sorted(word)]  # two letters swapped: difflib rates it low
    close = shuffled or difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean `{close[0]}`?" if close else ""


def listed(words: Iterable[str]) -> str:
    """`a`, `b` and `c`: for sentences."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) < 2:  # noqa: PLR2004 - one word needs no "and"
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + " and " + quoted[-1]
