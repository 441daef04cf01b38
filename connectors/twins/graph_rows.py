"""How the Meta twin reads the payload of `/users`: strictly, column by column, quickly."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from passerelle.connectors.twins.graph_errors import GraphRefusal

ROW_LIMIT = 10_000
HASHED = ("EMAIL", "PHONE", "GEN", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "CT", "ST", "ZIP", "COUNTRY")
PLAIN = ("EXTERN_ID", "MADID")
VALUE = "LOOKALIKE_VALUE"
STRONG = {"EXTERN_ID": "extern_id", "EMAIL": "email", "PHONE": "phone", "MADID": "madid"}
POSTAL = ("FN", "LN", "CT", "ST", "ZIP", "COUNTRY", "DOBY", "DOBM", "DOBD")
BLANK_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HEX_ONLY = re.compile(r"[0-9a-f]*", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
DEVICE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.ASCII)
DIGEST_LENGTH = 64
SAMPLES = 100


@dataclass(slots=True)
class Rows:
    """A payload that was understood: one tuple of keys per valid person, and the rows that were not."""

    schema: tuple[str, ...]
    keys: list[tuple[str, ...]]
    received: int
    identifiers: int
    invalid: dict[int, str] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)
    values: list[float] | None = None
    """What each valid person is worth, aligned with `keys`, where the schema has it."""


def read(text: str, *, keep: bool, also_invalid: dict[int, str]) -> Rows:
    """Understand `payload`. Raises `GraphRefusal` where Meta refuses the request as a whole."""
    schema, data = _parse(text)
    width = len(schema)
    if {len(row) for row in data} != {width}:
        raise GraphRefusal(100, "Invalid parameter: Data is missing or does not match schema.")
    columns = dict(zip(schema, zip(*data, strict=True), strict=True))
    invalid = dict(also_invalid)
    worth = _amounts(columns.pop(VALUE)) if VALUE in columns else None
    for name, column in columns.items():
        _check_column(name, column, invalid)
    found_by = data if worth is None else [list(row) for row in zip(*columns.values(), strict=True)]
    blank = [""] * len(columns)
    for place, row in enumerate(found_by):
        if row == blank:
            invalid.setdefault(place, "no identifier")
    samples = {json.dumps(data[place]): reason for place, reason in sorted(invalid.items())[:SAMPLES]}
    keys: list[tuple[str, ...]] = [()] * (len(data) - len(invalid))
    if keep:
        keys = _keys(columns, len(data), invalid)
    identifiers = sum(len(data) - column.count("") for column in columns.values())
    values = None if worth is None else [amount for place, amount in enumerate(worth) if place not in invalid]
    return Rows(schema, keys, len(data), identifiers, invalid, samples, values)


def _amounts(column: Sequence[object]) -> list[float]:
    """Numbers of 0 or more, whole or not; Meta takes them as text, too."""
    found = []
    for cell in column:
        try:
            amount = float(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else math.nan
        except ValueError:
            amount = math.nan
        if not 0 <= amount < math.inf:
            raise GraphRefusal(100, "Invalid parameter: LOOKALIKE_VALUE must be a number that is not negative")
        found.append(amount)
    return found


def _parse(text: str) -> tuple[tuple[str, ...], list[list[str]]]:
    try:
        payload = json.loads(text)
    except ValueError:
        raise GraphRefusal(100, "Invalid parameter: payload is not JSON") from None
    if not isinstance(payload, dict) or not {"schema", "data"} <= payload.keys():
        raise GraphRefusal(100, "(#100) Missing required parameter: payload")
    unknown = payload.keys() - {"schema", "data"}
    if unknown:
        raise GraphRefusal(100, f"Invalid parameter: unexpected key {min(unknown)} in payload")
    schema, data = payload["schema"], payload["data"]
    if not isinstance(schema, list):
        raise GraphRefusal(2650, "Failed to update the custom audience: schema HASHES_OR_USER_IDS is not supported")
    wrong = [name for name in schema if name not in HASHED and name not in PLAIN and name != VALUE]
    if wrong or len(set(schema)) != len(schema) or not {*schema} - {VALUE}:
        raise GraphRefusal(100, "Invalid parameter: schema holds an unknown or repeated key")
    if not isinstance(data, list) or not data:
        raise GraphRefusal(100, "Invalid parameter: data must be a list of rows")
    if len(data) > ROW_LIMIT:
        raise GraphRefusal(1, "Please reduce the amount of data you're asking for, then retry your request", 99)
    if not all(isinstance(row, list) for row in data):
        raise GraphRefusal(100, "Invalid parameter: Data is missing or does not match schema.")
    return tuple(schema), data


def _check_column(name: str, column: Sequence[object], invalid: dict[int, str]) -> None:
    """Whole columns at once; only where something is wrong, row by row."""
    try:
        joined = "".join(column)  # type: ignore[arg-type]
    except TypeError:
        raise GraphRefusal(100, "Invalid parameter: data must hold strings") from None
    if name not in PLAIN:
        filled = len(column) - column.count("")
        lengths = set(map(len, column)) <= {0, DIGEST_LENGTH}  # type: ignore[arg-type]
        if (
            lengths
            and len(joined) == DIGEST_LENGTH * filled
            and HEX_ONLY.fullmatch(joined)
            and BLANK_HASH not in column
        ):
            return
    if name == "EXTERN_ID":
        return
    pattern = DEVICE if name == "MADID" else DIGEST
    for place, cell in enumerate(column):
        if not isinstance(cell, str):
            raise GraphRefusal(100, "Invalid parameter: data must hold strings")
        if cell and (cell == BLANK_HASH or not pattern.fullmatch(cell)):
            invalid.setdefault(place, f"{name} is not in the expected format")


def _keys(columns: dict[str, tuple[str, ...]], count: int, invalid: dict[int, str]) -> list[tuple[str, ...]]:
    """Each valid row's keys. Name and place count only where nothing stronger is there: namesakes are two people."""
    strong = [(label, columns[name]) for name, label in STRONG.items() if name in columns]
    postal = [columns[name] for name in POSTAL if name in columns]
    found = []
    for place in range(count):
        if place in invalid:
            continue
        keys = tuple(f"{label}:{column[place]}" for label, column in strong if column[place])
        found.append(keys or ("address:" + "|".join(column[place] for column in postal),))
    return found
