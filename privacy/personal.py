"""A box around personal data: it can be carried, counted and opened on purpose, and never shows by accident."""

from typing import final

import pyarrow as pa


@final
class Personal:
    """An Arrow table of identifiers or match keys whose `repr`, `str` and `format` show only its size.

    Columns are named by `Field` (identifiers) or by the destination's wire names (match keys), each `string`
    or `list<string>`. Open it with `reveal()`, as late and as locally as possible.
    """

    __slots__ = ("_table",)

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def reveal(self) -> pa.Table:
        """The table in clear. Never keep it, log it or raise an error that quotes it."""
        return self._table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __repr__(self) -> str:
        return f"<Personal: {len(self)} rows>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("personal data is not pickled")
