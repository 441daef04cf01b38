"""Which driver speaks to which address."""

from pathlib import Path
from urllib.parse import SplitResult

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.server import Server


def server_at(where: SplitResult, folder: Path) -> Server:
    """Connect. Raises `DefinitionError` for what cannot be an address, `TryLater` where nobody answers."""
    if where.scheme == "sqlite":
        from passerelle.connectors.sources.sql.sqlite import Sqlite

        return Sqlite(where, folder)
    if where.scheme in {"postgresql", "postgres"}:
        from passerelle.connectors.sources.sql.postgres import Postgres

        return Postgres(where)
    if where.scheme in {"mysql", "mariadb"}:
        from passerelle.connectors.sources.sql.mysql import Mysql

        return Mysql(where)
    raise DefinitionError(
        "The database is of a kind that is not known here.",
        advice="An address begins with sqlite:///, postgresql:// or mysql://.",
        path=("url",),
    )
