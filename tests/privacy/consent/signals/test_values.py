"""Files of records: every kind says the same, in pieces, and what is broken is told by its line."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.values import Value, values
from passerelle.privacy.errors import DefinitionError

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just("é" * 700_000))
objects = st.dictionaries(st.text(max_size=4), st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3)


def read(content: bytes, name: str) -> list[Value]:
    return list(values(name, BytesIO(content)))


@settings(max_examples=25)
@given(items=st.lists(objects, max_size=4), indent=st.sampled_from([None, 1]))
def test_an_array_is_read_as_json_reads_it(items: list[Any], indent: int | None) -> None:
    found = read(json.dumps(items, indent=indent, ensure_ascii=False).encode(), "in.json")
    assert [one.record for one in found] == items
    assert [json.loads(one.raw) for one in found] == items


@settings(max_examples=25)
@given(items=st.lists(objects, max_size=4))
def test_lines_and_a_sequence_of_objects_say_the_same(items: list[Any]) -> None:
    text = "\n".join(json.dumps(item) for item in items).encode()
    lines, sequence = read(text, "in.jsonl"), read(text, "in.json")
    assert [one.record for one in lines] == [one.record for one in sequence] == items
    assert [one.line for one in lines] == [one.line for one in sequence] == list(range(1, len(items) + 1))


@settings(max_examples=50)
@given(content=st.binary(max_size=60), name=st.sampled_from(["in.json", "in.jsonl", "in.csv"]))
def test_any_bytes_are_read_or_refused_without_being_quoted(content: bytes, name: str) -> None:
    found, refused = [], ""
    try:
        found = read(content, name)
    except DefinitionError as problem:
        refused = problem.message
    assert not refused or name in refused
    assert all((one.fault is None) == isinstance(one.record, dict) for one in found)


def test_lines_that_hold_no_record_are_named() -> None:
    found = read(b'\xef\xbb\xbf{"a": 1}\n\nnot json\n[1]\n' + b"[" * 100_000 + b"\n", "in.jsonl")
    assert [(one.line, one.fault) for one in found] == [
        (1, None),
        (3, "not_a_record"),
        (4, "not_a_record"),
        (5, "not_a_record"),
    ]


def test_rows_have_as_many_cells_as_the_header() -> None:
    found = read(b'a;b\n1;"x\ny"\n2\n3;z\n', "in.csv")
    assert [(one.line, one.record) for one in found] == [
        (2, {"a": "1", "b": "x\ny"}),
        (4, None),
        (5, {"a": "3", "b": "z"}),
    ]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b'[{"a": 1}, {"b": ', "in.json", "line 1: this is not JSON"),
        (b'[\n{"a": 1},\nnope]', "in.json", "line 3: this is not JSON"),
        (b"[" * 200_000, "in.json", "not JSON"),
        (b'["\xff"]', "in.json", "not JSON"),
        (b"a,a\n1,2\n", "in.csv", "two columns have the same name"),
        (b"a,b\n\xff,2\n", "in.csv", "a row cannot be read"),
        (b"", "in.xml", "neither JSON nor CSV"),
    ],
)
def test_a_file_that_cannot_be_read_on_is_refused(content: bytes, name: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        read(content, name)
