"""Rows for Meta's `/users`: one fixed list of keys, one row per person, blanks as empty strings."""

import json
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.destination import AudienceSpec, MatchKeys, Reach
from passerelle.connectors.destinations.json_rows import listed
from passerelle.connectors.destinations.wire_columns import Keyed, dropped, keyed, newest, reached, refused_table
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Field

SCHEMA: dict[str, Field] = {
    "EXTERN_ID": Field.EXTERNAL_ID,
    "EMAIL": Field.EMAIL,
    "PHONE": Field.PHONE,
    "MADID": Field.MOBILE_AD_ID,
    "FN": Field.FIRST_NAME,
    "LN": Field.LAST_NAME,
    "GEN": Field.GENDER,
    "DOBY": Field.BIRTH_YEAR,
    "DOBM": Field.BIRTH_MONTH,
    "DOBD": Field.BIRTH_DAY,
    "CT": Field.CITY,
    "ST": Field.STATE,
    "ZIP": Field.POSTAL_CODE,
    "COUNTRY": Field.COUNTRY,
}
"""Wire name -> our field. Fixed: Meta refuses another set of keys for an audience once it has one."""

VALUE = "LOOKALIKE_VALUE"
"""What a person is worth, in audiences made for that: a number of 0 or more, not hashed."""

_TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)


def match_keys(batch: ClearedBatch, schema: tuple[str, ...] = tuple(SCHEMA)) -> MatchKeys:
    """Each person's newest valid identifier of each kind, as Meta wants it; and their value, if the schema has it.

    Raises `ValueError` where the batch has values and the audience has not, or the other way round.
    """
    if (batch.values is not None) != (VALUE in schema):
        raise ValueError("an audience has values for everybody or for nobody")
    keys, columns = _columns(batch.identifiers)
    sent = _findable(columns)
    if batch.values is not None:
        columns[VALUE] = _as_text(batch.values.reveal()["value"].combine_chunks())
    rows = pa.table({wire: pc.fill_null(column, "") for wire, column in columns.items()}).filter(pa.array(sent))
    return MatchKeys(
        subject_ids=batch.subject_ids.filter(pa.array(sent)),
        rows=Personal(rows),
        refused=refused_table(batch.subject_ids, sent),
        dropped=dict(dropped(keys.values(), sent)),
    )


def reach(identifiers: Personal) -> Reach:
    """Who of these people Meta could find."""
    keys, columns = _columns(identifiers)
    return reached(keys.values(), _findable(columns))


def _columns(identifiers: Personal) -> tuple[dict[str, Keyed | None], dict[str, pa.Array]]:
    """Every key of everybody, and each person's newest one of each kind."""
    table = identifiers.reveal()
    keys = {wire: keyed(table, field, Destination.META) for wire, field in SCHEMA.items()}
    return keys, {wire: newest(key, table.num_rows) for wire, key in keys.items()}


def _findable(columns: Mapping[str, pa.Array]) -> np.ndarray:
    """Who can be found, and taken out again: our own id alone is forgotten by Meta after 90 days."""
    has = {wire: np.asarray(pc.is_valid(column)) for wire, column in columns.items()}
    somewhere = has["ZIP"] | has["CT"] | (has["DOBY"] & has["DOBM"] & has["DOBD"])
    found: np.ndarray = has["EMAIL"] | has["PHONE"] | has["MADID"] | (has["FN"] & has["LN"] & somewhere)
    return found


def schema_of(spec: AudienceSpec) -> tuple[str, ...]:
    """The wire columns of a new audience."""
    return (*SCHEMA, VALUE) if spec.values else tuple(SCHEMA)


def keys_of(schema: tuple[str, ...]) -> tuple[str, ...]:
    """Those of an audience's columns by which people are found, and taken out."""
    return tuple(name for name in schema if name != VALUE)


def payload(rows: Personal, schema: tuple[str, ...]) -> str:
    """The JSON of `payload`, in the list form. Values are numbers there, and all else is text."""
    table = rows.reveal()
    columns = [
        table.column(name).combine_chunks().cast(pa.float64())
        if name == VALUE
        else pc.fill_null(table.column(name).combine_chunks(), "")
        for name in schema
    ]
    names = json.dumps(schema, separators=(",", ":"))
    return f'{{"schema":{names},"data":{listed(columns)}}}'


def traced(samples: object, rows: Personal) -> list[int]:
    """Which rows Meta's `invalid_entry_samples` mean: found by the hashes they quote.

    Their shape is not documented beyond "list or map"; a sample that names nothing we sent is passed over.
    """
    tokens = [set(_TOKEN.findall(json.dumps(sample))) for sample in _entries(samples)]
    if not tokens:
        return []
    owner: dict[str, int] = {}
    for column in rows.reveal().itercolumns():
        for place, cell in enumerate(column.to_pylist()):
            if cell:
                # A name or a country is shared by many, and names nobody.
                owner[cell] = -1 if owner.get(cell, place) != place else place
    meant = [{owner.get(token, -1) for token in quoted} - {-1} for quoted in tokens]
    return sorted({places.pop() for places in meant if len(places) == 1})


def _as_text(values: pa.Array) -> pa.StringArray:
    """Numbers as the ledger keeps them; there are few different ones, since they were rounded."""
    coded = values.dictionary_encode()
    texts = [repr(value).removesuffix(".0") for value in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _entries(samples: object) -> list[object]:
    if isinstance(samples, Mapping):
        return [list(pair) for pair in samples.items()]
    return samples if isinstance(samples, list) else []
