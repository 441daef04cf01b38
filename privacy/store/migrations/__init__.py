"""Alembic migrations of the control store. `privacy.store.schema` runs them."""
