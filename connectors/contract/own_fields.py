"""Fields that only one workspace's vendor account has: its own properties, merge fields or attributes, for segments."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, create_model

from passerelle.connectors.contract.declared import RESERVED
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.roles import Attribute, Kind
from passerelle.connectors.errors import DefinitionError


def with_attributes(
    record: type[Record], named: Mapping[str, Kind], *, under: tuple[str, ...], setting: str
) -> type[Record]:
    """The same record with the account's fields `named`, each an attribute; they stand `under` the vendor's keys.

    Segments know them by plain names: `Loyalty Tier` becomes `loyalty_tier`. Raises `DefinitionError`, with the path
    of the `setting`, where two become the same, or one that is taken.
    """
    made: dict[str, Any] = {}
    for name, kind in named.items():
        plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")
        taken = plain in made or plain in record.model_fields or plain in RESERVED
        if taken or not re.match("[a-z]", plain):
            raise DefinitionError(
                f"{name!r} cannot be an attribute: segments would know it as {plain!r}, "
                f"{'which is taken' if taken else 'which is no name'}.",
                path=(setting, name),
            )
        made[plain] = (Annotated[str | None, BeforeValidator(_text), Attribute(kind)], at(*under, name))
    kept: dict[str, Any] = {"grain": record.grain, "event": record.event}
    return create_model(record.__name__, __base__=record, __cls_kwargs__=kept, **made) if made else record


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON
    """As text, to be cast like any other; a list or an object as its JSON, so that no record is lost for it."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
