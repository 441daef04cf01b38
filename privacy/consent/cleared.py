"""What the gate lets through. Destinations accept only these types, so that a bypass is a type error."""

from dataclasses import dataclass
from typing import final

import pyarrow as pa

from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Purpose

GATE_SEAL = object()
"""Held by `gate.py` alone: whoever makes a `ClearedBatch` shows it."""

LEDGER_SEAL = object()
"""Held by the ledger alone: whoever makes a `RemovalBatch` or a `FarewellBatch` shows it."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class ClearedBatch:
    """People whose consent was decided just now for this audience at this destination, with their identifiers.

    `subject_ids` is int64, distinct; `revision` (int32) and the rows of `identifiers` are aligned with it.
    `identifiers` has a `list<string>` column for each `Field` that anybody has (newest value first) and
    `country` as plain string.
    """

    seal: object
    destination: Destination
    audience: str
    purpose: Purpose
    subject_ids: pa.Array
    identifiers: Personal
    revision: pa.Array
    log_index: int
    decided_at: int
    values: Personal | None = None
    """Where the audience has values: one column `value`, float64, aligned with `subject_ids`."""

    def __post_init__(self) -> None:
        if self.seal is not GATE_SEAL:
            raise TypeError("only the consent gate makes a ClearedBatch")


@final
@dataclass(frozen=True, slots=True, eq=False)
class RemovalBatch:
    """People to take out again, with the match keys that were really sent. Removals wait for no consent.

    `rows` has the destination's wire columns as the ledger kept them, aligned with `subject_ids`.
    """

    seal: object
    destination: Destination
    audience: str
    subject_ids: pa.Array
    rows: Personal

    def __post_init__(self) -> None:
        if self.seal is not LEDGER_SEAL:
            raise TypeError("only the membership ledger makes a RemovalBatch")


@final
@dataclass(frozen=True, slots=True, eq=False)
class FarewellBatch:
    """People whom a platform is to drop from every audience of the account: they withdrew, or are to be erased.

    Only people who were in one of our audiences there, and of whom that is owed. The rows of `identifiers`, aligned
    with `subject_ids`, have everything that the vault holds of them, in the shape of `ClearedBatch.identifiers`.
    """

    seal: object
    destination: Destination
    subject_ids: pa.Array
    identifiers: Personal

    def __post_init__(self) -> None:
        if self.seal is not LEDGER_SEAL:
            raise TypeError("only the membership ledger makes a FarewellBatch")
