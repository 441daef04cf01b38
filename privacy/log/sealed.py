"""Every table compared with its seal, and the database file with what SQLite and our schema expect of it."""

from sqlalchemy import Connection, text

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log.entries import Findings
from passerelle.privacy.store import seals
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.seals import SEALED, Seal, Sums
from passerelle.privacy.store.tables import table_seal


def check(store: Store, connection: Connection, findings: Findings, known: Sums) -> None:
    """Compute the seal of every table from its bytes, but those that are `known` already.

    A store that was opened without a seal key has none.
    """
    if store.is_sqlite:
        _check_file(connection, findings)
    key = store.seal_key
    if key is None:
        return
    try:
        held = seals.held(connection, key)
    except IntegrityError:
        findings.add(table_seal, seals.ALL, "is not under our authentication code")
        return
    if held is None:
        findings.add(table_seal, seals.ALL, "is missing")
        return
    for table in SEALED:
        said = held.sums.get(table.name, Seal())
        found = known[table.name] if table.name in known else seals.computed(connection, key, table)
        if said.rows != found.rows:
            findings.add(table, "", f"has {found.rows} rows, and its seal says {said.rows}")
        elif said != found:
            findings.add(table, "", "holds other values than its seal says")


def _check_file(connection: Connection, findings: Findings) -> None:
    """No trigger or view may stand between us and the tables, and every index says what its table says."""
    strange = "SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"
    if connection.scalar(text(strange)):
        findings.told.append("store: has triggers or views, and Passerelle makes none")
    if connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar() != "ok":
        findings.told.append("store: SQLite finds the file damaged")
