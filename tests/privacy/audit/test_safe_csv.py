import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.audit.safe_csv import safe_cell, safe_csv

WIDE = ("\uff1d", "\uff0b", "\uff0d", "\uff20")  # = + - @ as East Asian keyboards write them
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
RISKY = st.builds(str.__add__, st.sampled_from([*"=+-@\t\r\n|%\0", *WIDE, " =", "\ufeff=", "\n\n+"]), TEXTS)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(TEXTS | RISKY, min_size=1, max_size=4))
def test_no_text_is_read_as_a_formula(texts: list[str]) -> None:
    (header, row) = read(
        safe_csv([f"c{at}" for at in range(len(texts))], [{f"c{at}": one for at, one in enumerate(texts)}])
    )
    assert len(header) == len(row) == len(texts)
    for cell in row:
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", *WIDE))
        assert not cell.startswith(("\t", "\r", "\n", "\0"))


@given(TEXTS | RISKY)
def test_every_text_can_be_had_back(text: str) -> None:
    ((_,), (cell,)) = read(safe_csv(["x"], [{"x": text}]))
    assert cell in {text, f"'{text}"}
    assert safe_cell(text) == cell


@given(TEXTS)
def test_two_texts_never_become_one(text: str) -> None:
    assert safe_cell(text) != safe_cell(f"'{text}")


def test_numbers_stay_numbers_and_nothing_is_empty() -> None:
    assert safe_csv(["n", "f", "b", "none", "gone"], [{"n": -5, "f": -0.5, "b": True, "none": None}]) == (
        '"n","f","b","none","gone"\r\n-5,-0.5,"true","",""\r\n'
    )


@pytest.mark.parametrize("text", ["=1+1", "+33612345678", "-2", "@SUM(A1)", "\tx", " =cmd|' /C calc'!A0", "\uff1d1"])
def test_what_begins_like_a_formula_is_led_by_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "champions", "a=b", "2026-03-01T00:00:00+00:00", "é", "\u00a0x"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
