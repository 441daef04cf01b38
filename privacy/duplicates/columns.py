"""The columns that are compared: what kind of text each holds, and its folded form."""

# ruff: noqa: S608 - statements are made of our own column names and numbers; values stand in tables

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import numpy as np
import pyarrow as pa

_SAMPLE = 20_000
_MOSTLY = 0.8
_WORDS = 1.5
"""From this many words on the average, a column holds texts rather than names."""


class Kind(StrEnum):
    """What a column's values are, which decides how two of them are compared."""

    NAME = "name"
    """One word or two: Jaro-Winkler."""
    TEXT = "text"
    """Several words, such as an address: Jaccard over words, and Jaro-Winkler."""
    CODE = "code"
    """Digits, dates, numbers with letters, e-mail addresses: edits."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `own`: people of one household differ in it. `lasting`: people keep it for life."""

    name: str
    kind: Kind
    own: bool = False
    lasting: bool = False


# What columns are called. Others are taken for what a household may share, and people may change.
_FIRST_NAME = r"given|first.?name|forename|fname|prenom|vorname|nombre|nome"
_BORN = r"birth|dob|naissance|geburt|nacimiento|nascita"
_NUMBER = r"ssn|soc.?sec|nino|national.?(id|number)|passport|nhs"
_LAST_NAME = r"surname|last.?name|family.?name|lname|nom(_|$)|nachname|apellido|cognome|maiden"
_CONTACT = r"mail|phone|tel(_|$)|mobile|courriel|login"


def columns_of(table: pa.Table, names: Sequence[str]) -> tuple[Column, ...]:
    """What these columns of text hold, seen from their first values. Columns without any value are left out."""
    found = []
    for name in names:
        values = table[name].drop_null().slice(0, _SAMPLE).cast(pa.string()).to_pylist()
        values = [value for value in values if value.strip()]
        if values:
            found.append(named(name, _kind(values)))
    return tuple(found)


def named(name: str, kind: Kind) -> Column:
    """A column, with what its name says of it."""
    own = re.search(f"{_FIRST_NAME}|{_BORN}|{_NUMBER}|{_CONTACT}", name, re.IGNORECASE)
    lasting = re.search(f"{_FIRST_NAME}|{_BORN}|{_NUMBER}|{_LAST_NAME}", name, re.IGNORECASE)
    return Column(name, kind, own=own is not None, lasting=lasting is not None)


def _kind(values: Sequence[str]) -> Kind:
    coded = sum(bool(re.search(r"\d|@", value)) and len(value.split()) < 3 for value in values)  # noqa: PLR2004
    if coded >= _MOSTLY * len(values):
        return Kind.CODE
    words = sum(len(value.split()) for value in values)
    return Kind.TEXT if words >= _WORDS * len(values) else Kind.NAME


def fold(db: duckdb.DuckDBPyConnection, table: pa.Table, columns: Sequence[Column]) -> None:
    """Make the table `r`: `id` (the row number) and `c0`, `c1` …, folded; null where nothing is left.

    DuckDB's distances count bytes, and its Jaccard raises on empty text: hence no accents and no empty text.
    """
    values = table.select([column.name for column in columns])
    values = values.rename_columns([f"v{place}" for place in range(len(columns))])
    db.register("given", values.append_column("id", pa.array(np.arange(len(table), dtype=np.int32))))
    folded = ", ".join(f"{_folded(f'v{place}', column.kind)} AS c{place}" for place, column in enumerate(columns))
    db.execute(f"CREATE TABLE r AS SELECT id, {folded} FROM given")
    db.unregister("given")


def _folded(value: str, kind: Kind) -> str:
    plain = f"lower(strip_accents(CAST({value} AS VARCHAR)))"
    if kind is Kind.CODE:
        return f"nullif(regexp_replace({plain}, '[^\\p{{L}}\\p{{N}}@]+', '', 'g'), '')"
    return f"nullif(trim(regexp_replace({plain}, '[^\\p{{L}}\\p{{N}}]+', ' ', 'g')), '')"
