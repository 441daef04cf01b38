"""Source `sql`: a table or a query of a database or a warehouse. Read only, streamed, as Arrow."""

from passerelle.connectors.sources.sql.settings import SqlSettings
from passerelle.connectors.sources.sql.source import Sql

__all__ = ["Sql", "SqlSettings"]
