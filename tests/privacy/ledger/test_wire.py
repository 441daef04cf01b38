"""What was sent is kept in few bytes, made by the column, and read back as it was."""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.ledger.wire import decode, encode
from passerelle.privacy.personal import Personal

DIGEST = st.binary(max_size=2).map(lambda said: hashlib.sha256(said).hexdigest())
WORD = (
    st.none()
    | DIGEST
    | st.just("A" * 64)
    | st.text(st.sampled_from('ab"\\\0\x1f\x7f\n é\u2028😀,[]') | st.characters(exclude_categories=["Cs"]))
)
ROWS = st.lists(st.tuples(WORD, st.none() | st.lists(WORD, max_size=3)), max_size=8)


def _table(rows: list[tuple[str | None, list[str | None] | None]]) -> pa.Table:
    words, lists = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"word": pa.array(words, pa.string()), "list": pa.array(lists, pa.list_(pa.string()))})


@given(ROWS.filter(lambda rows: any(many is not None for _, many in rows)))
def test_what_was_kept_reads_as_it_was_sent(rows: list[tuple[str | None, list[str | None] | None]]) -> None:
    table = _table(rows)
    assert decode(encode(Personal(table), table.column_names), table.column_names).reveal().equals(table)


@given(st.lists(st.none() | DIGEST), st.integers(0, 3))
def test_a_hash_takes_half_of_its_digits(words: list[str | None], first: int) -> None:
    column = pa.array(words, pa.string()).slice(first)
    said = encode(Personal(pa.table({"word": column})), ["word"])
    assert said == [b"\0" if word is None else b"\1" + bytes.fromhex(word) for word in words[first:]]
    assert decode(said, ["word"]).reveal()["word"].to_pylist() == words[first:]


def test_what_is_too_long_is_refused_and_not_cut() -> None:
    with pytest.raises(ValueError, match="too long"):
        encode(Personal(pa.table({"word": ["a" * 65_536]})), ["word"])


def test_rows_of_other_columns_are_not_taken_for_these() -> None:
    said = encode(Personal(pa.table({"a": ["x"], "b": ["y"]})), ["a", "b"])
    with pytest.raises(ValueError, match="columns"):
        decode(said, ["a"])
