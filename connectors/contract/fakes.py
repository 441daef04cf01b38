"""Records that could have come from a source, made from its shape: for tests, and for trying things out.

Identifiers are of ranges kept for fiction: e-mail domains of RFC 2606, the French regulator's numbers for films.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from passerelle.connectors.contract.records import FieldShape, Shape
from passerelle.connectors.contract.roles import (
    Consent,
    EventName,
    Identifier,
    Key,
    Kind,
    MergedInto,
    Role,
    Tombstone,
)
from passerelle.privacy.vocabulary import Field

START = datetime(2026, 1, 1, tzinfo=UTC)

_IDENTIFIERS: dict[Field, Callable[[int], str]] = {
    Field.EMAIL: lambda number: f"person.{number}@example.org",
    Field.PHONE: lambda number: f"+3319900{number % 10_000:04d}",
    Field.EXTERNAL_ID: lambda number: f"C{number:06d}",
    Field.FIRST_NAME: lambda number: ("Zoé", "Léo", "Inès", "Noël")[number % 4],
    Field.LAST_NAME: lambda number: f"D'Ambrosio-{number}",
    Field.FIRST_INITIAL: lambda number: "ZLIN"[number % 4],
    Field.GENDER: lambda number: ("Mme", "M.")[number % 2],
    Field.BIRTH_YEAR: lambda number: str(1950 + number % 50),
    Field.BIRTH_MONTH: lambda number: f"{1 + number % 12:02d}",
    Field.BIRTH_DAY: lambda number: f"{1 + number % 28:02d}",
    Field.CITY: lambda number: ("Évry", "Lille", "Saint-Étienne")[number % 3],
    Field.STATE: lambda number: ("Nord", "Loire")[number % 2],
    Field.POSTAL_CODE: lambda number: f"{10_000 + number % 85_000:05d}",
    Field.COUNTRY: lambda _number: "France",
    Field.MOBILE_AD_ID: lambda number: f"00000000-0000-4000-8000-{number:012d}",
}

_VALUES: dict[Kind, Callable[[int], str]] = {
    Kind.STRING: lambda number: f"word {number % 7}",
    Kind.INTEGER: str,
    Kind.NUMBER: lambda number: f"{number / 8}",
    Kind.MONEY: lambda number: f"{number},90",
    Kind.BOOLEAN: lambda number: ("oui", "non")[number % 2],
    Kind.DATE: lambda number: f"{START + timedelta(days=number):%Y-%m-%d}",
    Kind.TIMESTAMP: lambda number: f"{START + timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}",
}


def fakes(shape: Shape, numbers: Sequence[int]) -> pa.Table:
    """A record for each number, as text. The same number gives the same record; cursors grow with it, a day each."""
    columns = {one.name: [_value(shape, one, number) for number in numbers] for one in shape.fields}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _value(shape: Shape, field: FieldShape, number: int) -> str:
    if field.native is Kind.INTEGER and any(isinstance(role, Key | Identifier) for role in field.roles):
        return str(number + 1)
    if field.kind in {Kind.DATE, Kind.TIMESTAMP}:
        return _VALUES[field.kind](number)
    said = next((value for value in (_by_role(role, number) for role in field.roles) if value is not None), None)
    if said is not None:
        return said
    notices = {consent.notice for _, consent in shape.consents}
    return "ads-2026@1" if field.name in notices else _VALUES[field.kind](number)


def _by_role(role: Role, number: int) -> str | None:
    """What a role alone decides."""
    match role:
        case Identifier(kind):
            found = _IDENTIFIERS[kind](number)
        case Key():
            found = f"K{number:06d}"
        case Consent():
            found = sorted(role.states)[number % len(role.states)]
        case Tombstone(values):
            found = "" if values else "non"
        case MergedInto():
            found = ""
        case EventName():
            found = ("view", "cart", "purchase")[number % 3]
        case _:
            return None
    return found
