"""The store's schema: where it stands, and how it gets to where it must be.

Alembic is loaded only for a store that is not at the newest revision.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store.tables import metadata

HEAD = "0001"
"""The newest revision under `migrations/versions`."""

MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION_TABLE = "alembic_version"


def revision(connection: Connection) -> str | None:
    """The revision a store is at; None for an empty one. Raises `IntegrityError` for tables without a revision."""
    tables = set(inspect(connection).get_table_names())
    if _VERSION_TABLE in tables:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found is not None or not tables & set(metadata.tables):
            return found
    if tables & set(metadata.tables):
        raise IntegrityError(
            "The store has tables and no schema version.",
            advice="It was made by a development version, or changed by hand. Start from a new one or a backup.",
        )
    return None


def bring_up(connection: Connection) -> None:
    """Upgrade a store to `HEAD` inside the caller's transaction. Raises `IntegrityError` where it is newer."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise IntegrityError(
            "The store's schema version is unknown here.", advice="It was made by a newer Passerelle; install that one."
        ) from None
