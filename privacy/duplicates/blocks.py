"""Which records are compared at all: those that share a key, so that a million people don't make 10^12 pairs."""

# ruff: noqa: S608 - statements are made of our own column names and numbers; values stand in tables

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from passerelle.privacy.duplicates.columns import Column, Kind

_LARGEST = 100
"""Records of one key; a key that more have tells little, and is left to keys that are narrower."""
_PER_RECORD = 30
_AT_LEAST = 1_000_000
_RULES = 40
_SHARE = 8
"""A rule may bring this part of all candidates."""
_COUNTED = 200_000
"""Records beyond which a rule's pairs are counted on a sample of its keys."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Records are compared that agree on every key: SQL expressions over a record, with the columns they look at."""

    keys: tuple[str, ...]
    columns: tuple[int, ...]


def rules(db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[Rule]:
    """The rules that bring the most different candidates within the budget, for the records in `r`.

    Alone stand keys that few records share; with each other, those that more share.
    """
    count = int(db.execute("SELECT count(*) FROM r").fetchall()[0][0])
    budget = _PER_RECORD * count + _AT_LEAST
    single = [Rule((key,), (place,)) for place, column in enumerate(columns) for key in _keys(place, column.kind)]
    sized = [(rule, *_size(db, rule, count)) for rule in single]
    chosen = [(pairs, rule) for rule, pairs, _ in sized if 0 < pairs <= budget // _SHARE]
    whole = {rule for rule, pairs, left_out in sized if not left_out and pairs <= budget // _SHARE}
    double = []
    for (one, _, _), (other, _, _) in combinations(sized, 2):
        if one.columns == other.columns or one in whole or other in whole:
            continue
        rule = Rule(one.keys + other.keys, one.columns + other.columns)
        double.append((_size(db, rule, count)[0], rule))
    left = budget - sum(pairs for pairs, _ in chosen)
    for pairs, rule in sorted(((pairs, rule) for pairs, rule in double if pairs), key=lambda each: each[0]):
        if pairs > left or len(chosen) == _RULES:
            break
        chosen.append((pairs, rule))
        left -= pairs
    return [rule for _, rule in chosen]


def _pairs_of(rule: Rule) -> str:
    keys = ", ".join(rule.keys)
    there = " AND ".join(f"{key} IS NOT NULL" for key in rule.keys)
    return f"""WITH k AS (SELECT id, hash({keys}) AS k FROM r WHERE {there}),
        b AS (SELECT k FROM k GROUP BY k HAVING count(*) BETWEEN 2 AND {_LARGEST}),
        s AS (SELECT id, k FROM k SEMI JOIN b USING (k))
        SELECT x.id AS l, y.id AS r FROM s AS x JOIN s AS y ON x.k = y.k AND x.id < y.id"""


def pairs(chosen: Sequence[Rule]) -> str:
    """A query for the pairs of any rule, each once: `l` < `r`."""
    every = " UNION ALL ".join(f"(SELECT CAST(l AS BIGINT) << 32 | r AS p FROM ({_pairs_of(rule)}))" for rule in chosen)
    nothing = "SELECT CAST(0 AS BIGINT) AS p WHERE false"
    return f"""SELECT CAST(p >> 32 AS INTEGER) AS l, CAST(p & 4294967295 AS INTEGER) AS r
        FROM (SELECT DISTINCT p FROM ({every or nothing}))"""


def _keys(place: int, kind: Kind) -> Iterator[str]:
    value = f"c{place}"
    yield value
    if kind is Kind.CODE:
        yield f"CASE WHEN length({value}) >= 6 THEN left({value}, 4) END"
        yield f"CASE WHEN length({value}) >= 6 THEN right(split_part({value}, '@', 1), 4) END"
    else:
        yield f"CASE WHEN length({value}) > 4 THEN left({value}, 4) END"


def _size(db: duckdb.DuckDBPyConnection, rule: Rule, count: int) -> tuple[int, bool]:
    """How many pairs a rule brings, and whether a key is shared by too many and left out."""
    keys = ", ".join(rule.keys)
    there = " AND ".join(f"{key} IS NOT NULL" for key in rule.keys)
    part = max(1, count // _COUNTED)
    found = db.execute(
        f"""SELECT coalesce(sum(n * (n - 1) // 2) FILTER (n <= {_LARGEST}), 0), coalesce(max(n), 0) FROM
        (SELECT count(*) AS n FROM (SELECT hash({keys}) AS k FROM r WHERE {there}) WHERE k % {part} = 0 GROUP BY k)"""
    ).fetchall()[0]
    return int(found[0]) * part, int(found[1]) > _LARGEST
