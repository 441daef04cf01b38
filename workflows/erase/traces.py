"""What the lake and the quarantine hold of a person beyond their number: keys of their records at the sources."""

from typing import TYPE_CHECKING

import pyarrow as pa

from passerelle.connectors.contract.source import table_name
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.store import tables as t
from passerelle.workflows.pull.digest import digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from passerelle.connectors.contract.source import Resource, Source
    from passerelle.workflows.workspace import Workspace

_FEW = 500


def told_keys(workspace: "Workspace", connection: "Connection", subject_ids: "Sequence[int]") -> dict[str, pa.Array]:
    """By table: the lake's keys that follow from these people's identifiers.

    A record whose key is an identifier (a customer number, an e-mail address) has a key that who knows the identifier
    and the master key could make again, be the record deleted or in quarantine.
    """
    held = workspace.subjects().identifiers(connection, pa.array(subject_ids, pa.int64())).reveal()
    found = {}
    for source, resource in resources(workspace):
        names = {name: field.value for name, field in resource.shape.identifiers}
        key = resource.shape.keys[0] if len(resource.shape.keys) == 1 else ""
        if names.get(key) in held.column_names:
            table = table_name(source, resource)
            words = held[names[key]].combine_chunks().flatten().unique()
            found[table] = digests(words, workspace.keys().lasting(f"lake/{table}"))
    return found


def keys_in(workspace: "Workspace", table: str, ids: pa.Array, told: pa.Array | None) -> pa.Array:
    """Keys of these people's records in one table: of those that are there, and those that are `told`."""
    there = workspace.lake().keys(ids, table)
    return there if told is None else pa.concat_arrays([there, told.cast(pa.binary())]).unique()


def resources(workspace: "Workspace") -> "Iterator[tuple[Source, Resource]]":
    """Every resource with a table, of sources that can be opened: what is written of the others is not looked at."""
    for name in workspace.sources:
        try:
            source = workspace.source(name)
            found = list(source.resources)
        except PasserelleError:  # a broken source must not keep anybody from being erased
            continue
        yield from ((source, resource) for resource in found if resource.hears is None)


def tables(workspace: "Workspace") -> list[str]:
    """Every table that a pull may be writing."""
    configured = {table_name(source, resource) for source, resource in resources(workspace)}
    return sorted(configured.union(workspace.lake().names()))


def release(workspace: "Workspace", connection: "Connection", keys: pa.Array) -> int:
    """Take records with these keys out of quarantine; how many there were."""
    places = [f"key:{key.hex()}" for key in keys.to_pylist()]
    place = t.quarantine.c.place
    store = workspace.store()
    return sum(
        store.delete(connection, t.quarantine, place.in_(places[at : at + _FEW])) for at in range(0, len(places), _FEW)
    )
