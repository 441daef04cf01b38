"""DuckDB for the lake's own files.

An instance takes tens of milliseconds of CPU to make, more than most merges, so a process keeps what it used last; what
is registered or made by one user is seen by no other, and goes when they go. Nothing of a file is kept between users.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import duckdb


@contextmanager
def database(memory: str | None = None, scratch: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of one's own, within `memory`; what does not fit there goes to `scratch`, made with mode 0700."""
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _instance(memory, scratch).cursor() as connection:
        yield connection


@lru_cache(maxsize=2)  # with limits and without: a pull asks for both
def _instance(memory: str | None, scratch: Path | None) -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "preserve_insertion_order": False,
        "enable_external_file_cache": False,
    }
    if memory is not None:
        settings["memory_limit"] = memory
    if scratch is not None:
        settings["temp_directory"] = str(scratch)
    return duckdb.connect(":memory:", config=settings)
