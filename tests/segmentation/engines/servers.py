"""Engines to test with: DuckDB, and the PostgreSQL that PASSERELLE_TEST_POSTGRES names."""

import os
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url, text

from passerelle.segmentation.engines.postgres import Postgres

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


def fresh_postgres() -> Iterator[Postgres]:
    """A database of its own, in French: its own order of letters must not show."""
    server = os.environ.get("PASSERELLE_TEST_POSTGRES")
    if server is None:
        pytest.skip("PASSERELLE_TEST_POSTGRES names no server")
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"passerelle_{uuid.uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        locale = "LOCALE_PROVIDER icu ICU_LOCALE 'fr' LOCALE 'C.UTF-8' TEMPLATE template0"
        connection.execute(text(f'CREATE DATABASE "{name}" {locale}'))
    yield Postgres(url.set(drivername="postgresql", database=name).render_as_string(hide_password=False))
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    engine.dispose()
