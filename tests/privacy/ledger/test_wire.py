"""What was sent is kept as compact JSON, made by the column, and read back as it was."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.ledger.wire import decode, encode
from passerelle.privacy.personal import Personal

WORD = st.none() | st.text(st.sampled_from('ab"\\\0\x1f\x7f\n é\u2028😀,[]') | st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(st.tuples(WORD, st.none() | st.lists(WORD, max_size=3)), max_size=8)


def _table(rows: list[tuple[str | None, list[str | None] | None]]) -> pa.Table:
    words, lists = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"word": pa.array(words, pa.string()), "list": pa.array(lists, pa.list_(pa.string()))})


@given(ROWS, st.integers(0, 3))
def test_each_row_is_the_json_list_of_its_values_in_the_order_of_the_columns(
    rows: list[tuple[str | None, list[str | None] | None]], first: int
) -> None:
    said = encode(Personal(_table(rows).slice(first)), ["list", "word"])
    assert said == [
        json.dumps([many, one], separators=(",", ":"), ensure_ascii=False).encode() for one, many in rows[first:]
    ]


@given(ROWS.filter(lambda rows: any(many is not None for _, many in rows)))
def test_what_was_kept_reads_as_it_was_sent(rows: list[tuple[str | None, list[str | None] | None]]) -> None:
    table = _table(rows)
    assert decode(encode(Personal(table), table.column_names), table.column_names).reveal().equals(table)
