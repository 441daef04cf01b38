"""Which driver speaks to which address."""

from pathlib import Path

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.address import address
from passerelle.connectors.sources.sql.server import Server
from passerelle.connectors.sources.sql.settings import SqlSettings, bytes_of


def server_at(settings: SqlSettings, folder: Path) -> Server:
    """Connect. Raises `DefinitionError` for what cannot be an address, `TryLater` where nobody answers."""
    where = address(settings, folder)
    key = None if settings.key_file is None else folder / settings.key_file
    if where.scheme == "sqlite":
        from passerelle.connectors.sources.sql.sqlite import Sqlite

        return Sqlite(where, folder)
    if where.scheme in {"postgresql", "postgres"}:
        from passerelle.connectors.sources.sql.postgres import Postgres

        return Postgres(where)
    if where.scheme in {"mysql", "mariadb"}:
        from passerelle.connectors.sources.sql.mysql import Mysql

        return Mysql(where)
    if where.scheme == "bigquery":
        from passerelle.connectors.sources.sql.bigquery import BigQuery

        return BigQuery(where, key, bytes_of(settings.most_billed))
    if where.scheme == "snowflake":
        from passerelle.connectors.sources.sql.snowflake import Snowflake

        return Snowflake(where, key)
    raise DefinitionError(
        "The database is of a kind that is not known here.",
        advice="An address begins with sqlite:///, postgresql://, mysql://, bigquery:// or snowflake://.",
        path=("url",),
    )
