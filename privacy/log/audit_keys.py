"""People's audit keys for a verification: each unwrapped once, as far as memory allows."""

import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.vault import Vault

_MOST = 1_000_000
"""People whose keys are held: some 150 MB. Beyond them, keys are unwrapped again when they are asked for again."""


class AuditKeys:
    """Keys by person, in one state of the store."""

    def __init__(self, vault: Vault, connection: Connection) -> None:
        self._vault = vault
        self._connection = connection
        self._held: dict[int, bytes | None] = {}

    def of(self, people: pa.Array) -> list[bytes | None]:
        """Aligned with `people`; None for who has none any more."""
        numbers: list[int] = people.to_numpy().tolist()
        missing = set(numbers).difference(self._held)
        if missing:
            if len(self._held) + len(missing) > _MOST:
                self._held = {}
                missing = set(numbers)
            ids = pa.array(sorted(missing), pa.int64())
            self._held.update(zip(ids.to_pylist(), self._vault.audit_keys(self._connection, ids), strict=True))
        held = self._held
        return [held[number] for number in numbers]
