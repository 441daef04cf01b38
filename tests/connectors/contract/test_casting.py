"""Values as sources write them become values of our types, or nothing and a reason."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.contract.casting import cast, typed
from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.records import ARROW
from passerelle.connectors.contract.roles import Kind

PARIS = "Europe/Paris"


def text(kind: Kind, *values: str | None) -> list[Any]:
    found = cast(pa.array(values, pa.string()), kind, timezone=PARIS)
    assert found.type == ARROW[kind]
    return list(found.to_pylist())


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day …


def test_whole_numbers() -> None:
    assert text(Kind.INTEGER, "42", " -7 ", "1\u202f234", "+3") == [42, -7, 1234, 3]
    assert text(Kind.INTEGER, "0x1F", "4.0", "x", "", None, "9" * 19) == [None] * 6


def test_numbers_with_a_point_or_a_comma() -> None:
    assert text(Kind.NUMBER, "59.90", "59,90", "1 234,56", "1.234,56", "1,234.56", "1e3", "+2") == [
        59.9,
        59.9,
        1234.56,
        1234.56,
        1234.56,
        1000.0,
        2.0,
    ]
    assert text(Kind.NUMBER, "nan", "inf", "a,b", "1,2,3", "12.345.6") == [None] * 5


def test_amounts_become_cents_and_halves_go_away_from_zero() -> None:
    assert text(Kind.MONEY, "59.90", "59,90 €", "1 234,56 EUR", "€ 5", ".5", "5.", "+1") == [
        5990,
        5990,
        123456,
        500,
        50,
        500,
        100,
    ]
    assert text(Kind.MONEY, "0.005", "-0.005", "0.0049999999999", "-1234,5") == [1, -1, 0, -123450]
    assert text(Kind.MONEY, "9" * 20, "cher", "5 $") == [None] * 3


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_every_amount_of_two_decimals_is_exact_in_both_spellings(amount: Decimal) -> None:
    cents = int(amount * 100)
    assert text(Kind.MONEY, f"{amount:.2f}", f"{amount:.2f}".replace(".", ",")) == [cents, cents]


def test_truth_in_french_and_english() -> None:
    assert text(Kind.BOOLEAN, "Oui", "vrai", "TRUE", "1", "y") == [True] * 5
    assert text(Kind.BOOLEAN, "NON", "faux", "false", "0", "n") == [False] * 5
    assert text(Kind.BOOLEAN, "peut-être", "2") == [None, None]


def test_dates_are_read_day_first() -> None:
    third = date(2026, 2, 3)
    assert text(Kind.DATE, "2026-02-03", "03/02/2026", "3.2.2026", "2026-02-03T23:30:00Z") == [third] * 3 + [
        date(2026, 2, 4)
    ]
    assert text(Kind.DATE, "2026-02-31", "31/02/2026", "13/13/2026", "hier") == [None] * 4


def test_times_are_utc_and_those_without_a_zone_are_local() -> None:
    noon = utc(2026, 7, 3, 10, 12)
    given_ = [
        "2026-07-03T10:12:00Z",
        "2026-07-03T12:12+02:00",
        "2026-07-03 12:12",
        "03/07/2026 12:12:00",
        "3/7/2026, 12:12",
    ]
    assert text(Kind.TIMESTAMP, *given_) == [noon] * 5
    assert text(Kind.TIMESTAMP, "2026-07-03", "03/07/2026") == [utc(2026, 7, 2, 22, 0)] * 2
    assert text(Kind.TIMESTAMP, "2026-07-03T10:12:00.123456789Z") == [utc(2026, 7, 3, 10, 12, 0, 123456)]
    assert text(Kind.TIMESTAMP, "2026-02-30T10:00:00Z", "2026-07-03T25:00", "tomorrow", "1700000000") == [None] * 4


def test_times_that_the_clock_skipped_or_repeated_are_settled() -> None:
    assert text(Kind.TIMESTAMP, "2026-03-29 02:30", "2026-10-25 02:30") == [
        utc(2026, 3, 29, 1, 0),
        utc(2026, 10, 25, 0, 30),
    ]


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_moment_in_iso_comes_back(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert text(Kind.TIMESTAMP, aware.isoformat()) == [aware]


def test_native_types_keep_their_meaning() -> None:
    cases: list[tuple[pa.Array, Kind, list[Any]]] = [
        (pa.array([612345678.0, None]), Kind.STRING, ["612345678", None]),
        (pa.array([59.9, 0.005, float("nan"), 1e300]), Kind.MONEY, [5990, 1, None, None]),
        (pa.array([Decimal("59.905")]), Kind.MONEY, [5991]),
        (pa.array([59]), Kind.MONEY, [5900]),
        (pa.array([1, 0, 2]), Kind.BOOLEAN, [True, False, None]),
        (pa.array([1.5, 2.0]), Kind.INTEGER, [None, 2]),
        (pa.array([datetime(2026, 2, 3, 10)]), Kind.TIMESTAMP, [utc(2026, 2, 3, 9)]),  # noqa: DTZ001 - a naive column
        (pa.array([date(2026, 2, 3)]), Kind.TIMESTAMP, [utc(2026, 2, 2, 23)]),
        (pa.array([b"5,5"]), Kind.MONEY, [550]),
        (pa.array([b"\xff"]), Kind.STRING, [None]),
        (pa.array(["a", "a"]).dictionary_encode(), Kind.STRING, ["a", "a"]),
        (pa.array([[1]]), Kind.STRING, [None]),
    ]
    for given_, kind, wanted in cases:
        assert cast(given_, kind, timezone=PARIS).to_pylist() == wanted


def test_what_does_not_cast_is_named_by_row_field_and_reason_never_by_value() -> None:
    fields = {
        "id": {"key": True, "identifier": "external_id"},
        "age": {"attribute": "integer"},
        "paid": {"attribute": "money"},
    }
    data = {"kind": "x", "grain": "person", "fields": fields}
    shape = RecordSettings.model_validate_json(json.dumps(data), strict=True).shape()
    rows = pa.table({"id": ["a", "b", "c"], "age": ["SECRET", "", "7"], "paid": ["1", "SECRET", None]})
    found = typed(shape, rows, timezone=PARIS)
    assert found.table.to_pylist() == [
        {"id": "a", "age": None, "paid": 100},
        {"id": "b", "age": None, "paid": None},
        {"id": "c", "age": 7, "paid": None},
    ]
    assert found.bad.to_pylist() == [
        {"row": 0, "field": "age", "reason": "not_an_integer"},
        {"row": 1, "field": "paid", "reason": "not_an_amount"},
    ]


@pytest.mark.parametrize("kind", list(Kind))
@given(values=st.lists(st.none() | st.text(max_size=12), max_size=5))
def test_no_text_whatever_stops_a_cast(kind: Kind, values: list[str | None]) -> None:
    found = cast(pa.array(values, pa.string()), kind, timezone=PARIS)
    assert (len(found), found.type) == (len(values), ARROW[kind])
