"""How much two values agree: a level per column, as SQL over records `x` and `y`."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from passerelle.privacy.duplicates.columns import Column, Kind

LEVELS = ("differs", "near", "close", "exact")
MISSING = len(LEVELS)
"""The level where one of the two is missing, which says nothing."""

_CLOSE, _NEAR = 0.92, 0.8
_OVERLAP = 0.5
_LETTERS = 0.4
LONG = 6
"""From so many characters on, one edit in a code is little."""


def levels(columns: Sequence[Column]) -> str:
    """One expression per column, `g0`, `g1` …: the place in `LEVELS`, or `MISSING`."""
    return ", ".join(f"{_level(place, columns)} AS g{place}" for place in range(len(columns)))


def pattern(columns: Sequence[Column]) -> str:
    """The levels as one number, in base `MISSING + 1`; the first column is the lowest digit."""
    return " + ".join(f"CAST(g{place} AS BIGINT) * {(MISSING + 1) ** place}" for place in range(len(columns)))


def digits(patterns: npt.NDArray[np.int64], columns: int) -> npt.NDArray[np.int64]:
    """The levels that pattern numbers stand for: (patterns, columns)."""
    base = MISSING + 1
    return np.stack([patterns // base**place % base for place in range(columns)], axis=1)


def _level(place: int, columns: Sequence[Column]) -> str:
    x, y, kind = f"x.c{place}", f"y.c{place}", columns[place].kind
    swapped = "".join(
        f" WHEN {x} = y.c{other} AND {y} = x.c{other} THEN 2"
        for other, column in enumerate(columns)
        if other != place and column.kind is kind and kind is not Kind.CODE
    )
    return f"""CAST(CASE WHEN {x} IS NULL OR {y} IS NULL THEN {MISSING} WHEN {x} = {y} THEN 3{swapped}
        {_graded(x, y, kind)} ELSE 0 END AS TINYINT)"""


def _graded(x: str, y: str, kind: Kind) -> str:
    if kind is Kind.CODE:
        # Exchanged neighbours are one edit; counting those takes five times as long, so only where it can matter.
        one = f"levenshtein({x}, {y}) <= 1 OR (levenshtein({x}, {y}) = 2 AND damerau_levenshtein({x}, {y}) = 1)"
        long = f"least(length({x}), length({y})) >= {LONG}"
        return f"WHEN {one} THEN CASE WHEN {long} THEN 2 ELSE 1 END WHEN {long} AND levenshtein({x}, {y}) = 2 THEN 1"
    alike = f"jaro_winkler_similarity({x}, {y}, {_NEAR})"
    if kind is Kind.NAME:
        return f"WHEN {alike} >= {_CLOSE} THEN 2 WHEN {alike} >= {_NEAR} THEN 1"
    shared = f"jaccard({x}, {y}) >= {_LETTERS} AND {overlap(x, y)} >= {_OVERLAP}"
    return f"WHEN {alike} >= {_CLOSE} THEN 2 WHEN {alike} >= {_NEAR} OR ({shared}) THEN 1"


def overlap(x: str, y: str) -> str:
    """Jaccard over words: words of both by words of either.

    DuckDB's own `jaccard` compares sets of characters ("abc" and "cba" are equal to it); it is quicker and goes first.
    """
    one, other = f"list_distinct(string_split({x}, ' '))", f"list_distinct(string_split({y}, ' '))"
    both = f"len(list_intersect({one}, {other}))"
    return f"({both} / (len({one}) + len({other}) - {both}))"
