"""Who is held out: always the same people, on every engine, while the salt stays."""

from decimal import Decimal

import duckdb
import pyarrow as pa

from passerelle.segmentation.compile.rules import edge

_HUNDRED = 100


def holdout(subject_ids: pa.Array, percent: float | Decimal, salt: str) -> pa.BooleanArray:
    """For each person, whether they are held out: SHA-256(salt ":" subject_id) in hex lies below `percent` of 100."""
    share = Decimal(str(percent))
    if not 0 <= share <= _HUNDRED:
        raise ValueError("a percentage lies between 0 and 100")
    limit = edge(share)
    if limit is None:
        return pa.array([share > 0] * len(subject_ids), pa.bool_())
    with duckdb.connect(":memory:") as connection:
        connection.register("people", pa.table({"id": subject_ids.cast(pa.int64())}))
        sql = "SELECT sha256($salt || ':' || id::VARCHAR) < $limit AS held FROM people"
        found = connection.sql(sql, params={"salt": salt, "limit": limit}).to_arrow_table()
    return found.column("held").combine_chunks()
