"""The control store."""

from passerelle.privacy.store.bulk import OnConflict, Rows
from passerelle.privacy.store.engine import Store

__all__ = ["OnConflict", "Rows", "Store"]
