"""What an engine is: a place that holds the lake's tables for one evaluation, and computes SQL over them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa

if TYPE_CHECKING:
    from passerelle.segmentation.dataset import Dataset, DatasetTable
    from passerelle.segmentation.engines.dialect import Dialect
    from passerelle.segmentation.engines.session import Session


class Backend(Protocol):
    """An open connection, alone with its evaluation. Errors are `PasserelleError`s that quote no value."""

    def fetch(self, sql: str) -> pa.Table:
        """The rows of a query. Whole numbers may come in any type that holds them, exact ones as text too."""

    def put(self, name: str, rows: pa.Table) -> None:
        """Bring rows in (whole numbers, floats, texts); `name` is them from now on, until the connection is closed."""

    def store(self, name: str, sql: str) -> None:
        """Compute a query once; `name` is its rows from now on, until the connection is closed."""

    def place(self, name: str) -> str:
        """What the table `name` of this evaluation is called there."""


@runtime_checkable
class Learns(Protocol):
    """A backend that learns from more people than one machine is asked to hold. Rows are those of the table `name`."""

    learns_above: int | None
    """From more people than this, where it is asked to."""

    def directions(self, name: str, columns: Sequence[str]) -> list[tuple[float, list[float]]]:
        """Principal components: the share of the variance of each, falling, and a number per column."""

    def middles(self, name: str, columns: Sequence[str], groups: int, seed: int) -> list[tuple[int, list[float]]]:
        """K-means: of each group that it found, how many rows it has, and their middle."""


class Engine(Protocol):
    """One kind of engine with its settings. It is a value: nothing is opened before `open`."""

    @property
    def dialect(self) -> "Dialect":
        """How expressions become its SQL."""

    def open(self, tables: Mapping[str, "DatasetTable"], dataset: "Dataset") -> AbstractContextManager["Session"]:
        """A session on these tables (by the names of model.yaml), as they are now; merges are followed.

        What it makes for itself is gone when the session closes. Copies of the lake's tables may stay for the next
        session; they are never older than the files that they were made from. Raises `TryLater` where it can't be
        reached, and `DefinitionError` where settings or data don't fit.
        """

    def check(self) -> str:
        """Reach it and say in a sentence what is there, for `doctor`. Changes nothing; raises as `open` does."""

    def forget(self) -> None:
        """Drop every copy of the lake's tables: somebody is being erased. The next session copies what is left."""
