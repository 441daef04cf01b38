"""The control store."""

from passerelle.privacy.store.engine import OnConflict, Rows, Store

__all__ = ["OnConflict", "Rows", "Store"]
