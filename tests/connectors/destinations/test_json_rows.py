"""A payload made by the column is the JSON that `json.dumps` makes of its rows, byte for byte."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.destinations.json_rows import listed

TEXT = st.text(st.sampled_from('ab"\\\0\x1f\x7f\n é\u2028😀,[]') | st.characters(exclude_categories=["Cs"]))
NUMBER = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(st.tuples(TEXT, st.from_regex("[0-9a-f]{0,4}", fullmatch=True), NUMBER)), st.integers(0, 3))
def test_it_is_what_json_dumps_makes(rows: list[tuple[str, str, float]], first: int) -> None:
    kinds = (pa.string(), pa.string(), pa.float64())
    columns = [pa.array([row[at] for row in rows], kind).slice(first) for at, kind in enumerate(kinds)]
    assert listed(columns) == json.dumps(rows[first:], separators=(",", ":"))
