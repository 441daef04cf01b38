"""Blanks around text are found, whichever they are, by a look that is cheap where there are none."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.contract.edges import may_be_blank_at_an_end, stripped

BLANKS = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)).startswith("Z")] + list("\t\n\r\f")
BLANKS += ["\u200b", "\ufeff"]
blank = st.sampled_from(BLANKS)
text = st.text(st.one_of(st.characters(codec="utf-8"), blank, st.sampled_from("éàÉßa1")), max_size=4)
_EDGE = "".join(map(re.escape, BLANKS))


def without_edges(value: str | None) -> str | None:
    """As Python's own expressions see it."""
    return None if value is None else re.sub(rf"^[{_EDGE}]+|[{_EDGE}]+\Z", "", value) or None


@given(st.lists(st.one_of(st.none(), text), max_size=6), st.integers(0, 3))
def test_outer_blanks_go_and_nothing_else_does(values: list[str | None], start: int) -> None:
    part = pa.array(values, pa.string()).slice(start)
    assert stripped(part).to_pylist() == [without_edges(value) for value in values[start:]]


@pytest.mark.parametrize("edge", BLANKS, ids=lambda edge: f"U+{ord(edge):04X}")
def test_every_blank_is_suspected_at_either_end(edge: str) -> None:
    for value in (f"{edge}a", f"é{edge}", edge):
        assert may_be_blank_at_an_end(pa.array(["a", value]))


def test_french_names_and_addresses_are_not_suspected() -> None:
    plain = ["Évry", "Zoé", "Noël", "Besançon", "12 rue de l'Église", "Żółw", None, "", "a@example.org", "42"]
    assert not may_be_blank_at_an_end(pa.array(plain))
    assert not may_be_blank_at_an_end(pa.array([], pa.string()))
    assert not may_be_blank_at_an_end(pa.array([" a", "b"]).slice(1))
