"""What the addresses of warehouses say after their question mark: options known by name, each once."""

from collections.abc import Collection
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from passerelle.connectors.errors import DefinitionError

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


def options(where: SplitResult, known: Collection[str]) -> dict[str, str]:
    """The options by name. Raises `DefinitionError` for one that is not `known`."""
    given = parse_qsl(where.query, keep_blank_values=True)
    for name, _ in given:
        if name not in known:
            raise DefinitionError(
                "The database's address has an option that is not known here.",
                advice=f"After the question mark may stand: {', '.join(sorted(known))}.",
                path=("url",),
            )
    return dict(given)


def folders(where: SplitResult) -> list[str]:
    """What stands between the slashes."""
    return [unquote(part) for part in where.path.split("/") if part]


def endpoint(written: str | None) -> SplitResult | None:
    """Another address than the vendor's, for tests and private networks: https, or http on this machine."""
    if written is None:
        return None
    found = urlsplit(written)
    if found.hostname and (found.scheme == "https" or is_here(found)):
        return found
    raise DefinitionError(
        "The `endpoint` in the database's address is none.",
        advice="It begins with https://; with http:// only on this machine.",
        path=("url",),
    )


def is_here(place: SplitResult | None) -> bool:
    """Whether it is a stand-in on this machine, which nobody logs in to."""
    return place is not None and place.scheme == "http" and place.hostname in _HERE
