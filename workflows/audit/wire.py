"""What the wire columns of a platform are: which identifier each holds, and whether it goes out hashed."""

from collections.abc import Iterable

from passerelle.connectors.destinations import google_rows, meta_rows
from passerelle.privacy.identifiers import is_hashed
from passerelle.privacy.vocabulary import Destination, Field

HASH = "SHA-256"
"""The only one that the platforms take."""

_COLUMNS: dict[Destination, dict[str, Field]] = {
    Destination.META: meta_rows.SCHEMA,
    Destination.GOOGLE_ADS: {name: field for name, (field, _) in google_rows.LISTS.items()} | google_rows.ADDRESS,
}


def identifiers(platform: str, columns: Iterable[str]) -> dict[str, str]:
    """Each identifier that goes out in `columns`, and its form there: `SHA-256` or `plain`."""
    known = _COLUMNS.get(Destination(platform), {}) if platform in set(Destination) else {}
    fields = [known[name] for name in columns if name in known]
    return {field.value: HASH if is_hashed(field, Destination(platform)) else "plain" for field in fields}


def every_identifier(platform: Destination) -> dict[str, str]:
    """Each identifier that may go to a platform, and its form there."""
    return identifiers(platform.value, _COLUMNS.get(platform, {}))
