"""Engines to test with: the PostgreSQL that PASSERELLE_TEST_POSTGRES names, and a Spark of our own."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from passerelle.segmentation.engines.postgres import Postgres
from passerelle.segmentation.engines.spark import Spark

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


def spark_here(scratch: Path) -> Spark:
    """A Spark of two workers on this machine, for all tests of this process."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: see tests/sdk/install.py")
    if shutil.which("java") is None:
        pytest.skip("Java was not found on PATH")
    return Spark("local[2]", memory="2GB", scratch=scratch)
