"""One evaluation's tables on an engine, as Ibis expressions; merges are followed, whatever the engine."""

from collections.abc import Collection, Iterable, Mapping

import ibis
import pyarrow as pa

from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.contract import Backend
from passerelle.segmentation.engines.dialect import Dialect

PEOPLE_GONE, MERGES = "gone", "merges"
MERGES_COLUMNS = ("subject_id", "merged_into")

_IBIS_TYPES: Mapping[str, str] = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "money": "int64",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp('UTC')",
}
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "money": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}

_IBIS_OF_ARROW = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64"}


def shown(name: str) -> str:
    """What a table of model.yaml is called in queries."""
    return f"t_{name}"


def schema_of(table: DatasetTable) -> pa.Schema:
    """The columns that rules may read, by their Arrow types."""
    return pa.schema([(column, _ARROW_TYPES[kind]) for column, kind in table.columns.items()])


def small_tables(dataset: Dataset) -> dict[str, pa.Table]:
    """Who was merged and who is gone, as tables by name; only those that hold somebody."""
    found: dict[str, pa.Table] = {}
    if dataset.merges is not None and dataset.merges.num_rows:
        merges = dataset.merges.select(MERGES_COLUMNS)
        found[MERGES] = merges.cast(pa.schema([(column, pa.int64()) for column in MERGES_COLUMNS]))
    if dataset.gone is not None and len(dataset.gone):
        found[PEOPLE_GONE] = pa.table({"subject_id": dataset.gone.cast(pa.int64())})
    return found


class Session:
    """The tables by the names of model.yaml, and what is asked of them."""

    def __init__(
        self,
        backend: Backend,
        dialect: Dialect,
        tables: Mapping[str, DatasetTable],
        dataset: Dataset,
        *,
        once: Collection[str] = (),
    ) -> None:
        """`once`: tables that are known to hold nobody twice."""
        self.backend = backend
        self._once = once
        self._dialect = dialect
        self._tables = tables
        small = small_tables(dataset)
        self._merging = MERGES in small
        self._without = PEOPLE_GONE in small

    # --- tables, as Ibis expressions
    def person(self, name: str, columns: Iterable[str]) -> Expr:
        """A person table, each person once. Of people who were merged, the surviving record's value goes first."""
        names = list(columns)
        table = self._table(name, ["subject_id", *names])
        if self._merging:
            merged = self._merged(table)
            own = ~merged.moved
            best = {c: merged[c].max(where=own).fill_null(merged[c].max()) for c in names}
            return merged.group_by("subject_id").aggregate(**best)
        if name in self._once:
            return self._table(name, list(self._tables[name].columns)).select("subject_id", *names)
        return table.group_by("subject_id").aggregate(**{column: table[column].max() for column in names})

    def events(self, name: str) -> Expr:
        """An event table."""
        table = self._table(name, list(self._tables[name].columns))
        return self._merged(table).drop("moved") if self._merging else table

    def is_person(self, name: str) -> bool:
        """Whether it holds one row per person."""
        return self._tables[name].grain == "person"

    def gone(self) -> Expr | None:
        """People who are nobody any more."""
        return self._named(PEOPLE_GONE, {"subject_id": "int64"}) if self._without else None

    def _table(self, name: str, columns: list[str]) -> Expr:
        types = self._tables[name].columns
        return self._named(shown(name), {column: _IBIS_TYPES[types[column]] for column in columns})

    def _named(self, name: str, columns: Mapping[str, str]) -> Expr:
        return ibis.table(columns, name=self.backend.place(name))

    def _merged(self, table: Expr) -> Expr:
        merges = self._named(MERGES, dict.fromkeys(MERGES_COLUMNS, "int64"))
        joined = table.join(merges, "subject_id", how="left")
        final = joined.merged_into.fill_null(joined.subject_id)
        rest = [name for name in table.columns if name != "subject_id"]
        return joined.select(*rest, subject_id=final, moved=joined.merged_into.notnull())

    # --- running
    def put(self, name: str, rows: pa.Table) -> Expr:
        """Rows of our own as a table for this session."""
        self.backend.put(name, rows)
        return self._named(name, {column.name: _IBIS_OF_ARROW[column.type] for column in rows.schema})

    def store(self, name: str, expression: Expr) -> Expr:
        """Compute `expression` once and keep it as a table for this session."""
        self.backend.store(name, self.sql(expression))
        return ibis.table(expression.schema(), name=self.backend.place(name))

    def fetch(self, expression: Expr) -> pa.Table:
        """The rows of `expression`."""
        return self.backend.fetch(self.sql(expression))

    def sql(self, expression: Expr) -> str:
        """`expression` in the engine's words. Raises `NotExact` where it has none."""
        return self._dialect.sql(expression)
