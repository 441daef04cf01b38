"""Engines to test with: the PostgreSQL that PASSERELLE_TEST_POSTGRES names, and a Spark of our own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation.engines.postgres import Postgres
from passerelle.segmentation.engines.spark import Spark
from tests.privacy.store.stores import fresh_database

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


def fresh_postgres() -> Iterator[Postgres]:
    """A database of its own, in French: its own order of letters must not show."""
    locale = "LOCALE_PROVIDER icu ICU_LOCALE 'fr' LOCALE 'C.UTF-8' TEMPLATE template0"
    for url in fresh_database(locale):
        yield Postgres(url.set(drivername="postgresql").render_as_string(hide_password=False))


def spark_here(scratch: Path) -> Spark:
    """A Spark of two workers on this machine, for all tests of this process."""
    pytest.importorskip("pyspark", reason="pyspark is not installed: see tests/sdk/install.py")
    if shutil.which("java") is None:
        pytest.skip("Java was not found on PATH")
    return Spark("local[2]", memory="2GB", scratch=scratch)
