"""One way to write a value as bytes: JSON with sorted keys, no spaces, no floats (after RFC 8785)."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonScalar: TypeAlias = str | int | bool | None
Json: TypeAlias = "JsonScalar | Sequence[Json] | Mapping[str, Json]"

# Beyond it, numbers are not the same in every reader of JSON.
_EXACT = 2**63


def canonical(value: object) -> bytes:
    """The canonical bytes of strings, whole numbers, booleans, None, lists and string-keyed mappings of these.

    Raises `TypeError` for anything else, floats first of all.
    """
    _check(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_plain)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise TypeError("canonical JSON has no lone surrogates") from None


def _check(value: object) -> None:
    match value:
        case None | bool() | str():
            return
        case int() if -_EXACT <= value < _EXACT:
            return
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("canonical JSON has string keys only")
            for part in value.values():
                _check(part)
        case list() | tuple():
            for part in value:
                _check(part)
        case _:
            raise TypeError(f"canonical JSON has no {type(value).__name__}")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"canonical JSON has no {type(value).__name__}")
