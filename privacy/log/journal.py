"""The log, as far as other parts of this room write to it. `Log` does all of it."""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.log.members import Members


class Journal(Protocol):
    """Takes entries, and blinds what they say of people."""

    def append(
        self,
        connection: Connection,
        kind: str,
        body: Mapping[str, object],
        *,
        now: int,
        members: Members | None = None,
    ) -> int:
        """The new entry's log index."""
        ...

    def member_leaves(
        self, connection: Connection, label: str, subject_ids: pa.Array, payloads: list[bytes]
    ) -> Members:
        """Blinded leaves; their `positions` are aligned with `subject_ids`."""
        ...

    def size(self, connection: Connection) -> int:
        """How many entries there are."""
        ...
