"""Who is probably one person, told without labels."""

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.duplicates import FEWEST, THRESHOLD, Found, columns_of, find
from passerelle.privacy.errors import PasserelleError
from tests.privacy.duplicates.people import COLUMNS, people

Ints = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def labelled() -> tuple[pa.Table, Ints, Found]:
    table, owner = people(450)
    return table, owner, found_in(table)


def found_in(table: pa.Table) -> Found:
    return find(table, columns_of(table, table.column_names), threads=1)


def sure(found: Found) -> set[tuple[int, int]]:
    there = found.probability >= THRESHOLD
    return set(zip(found.left[there].tolist(), found.right[there].tolist(), strict=True))


def true_pairs(owner: Ints) -> set[tuple[int, int]]:
    order = np.argsort(owner, kind="stable")
    same = owner[order[1:]] == owner[order[:-1]]
    return {(min(a, b), max(a, b)) for a, b in zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True)}


def test_hazard_9_one_field_at_085_misses_a_quarter_that_several_fields_find(
    labelled: tuple[pa.Table, Ints, Found],
) -> None:
    table, owner, found = labelled
    truth = true_pairs(owner)
    with duckdb.connect(":memory:") as db:
        db.register("r", table.append_column("id", pa.array(range(len(table)))))
        line = "lower({0}.first_name || ' ' || {0}.last_name || ' ' || {0}.street)"
        said = db.execute(
            "SELECT x.id, y.id FROM r AS x JOIN r AS y ON x.id < y.id"  # noqa: S608
            f" WHERE jaro_winkler_similarity({line.format('x')}, {line.format('y')}) >= 0.85"
        ).fetchall()
    one_field = len(truth & set(said)) / len(truth)
    several = len(truth & sure(found)) / len(truth)
    assert one_field < 0.75
    assert len(truth & set(said)) < 0.1 * len(said), "and most of what it finds is wrong"
    assert several > 0.9
    assert len(sure(found) & truth) > 0.97 * len(sure(found))


def test_people_of_one_household_are_not_one_person(labelled: tuple[pa.Table, Ints, Found]) -> None:
    _, owner, found = labelled
    relatives = [(a, b) for a, b in sure(found) if owner[a] // 10 == owner[b] // 10 and owner[a] != owner[b]]
    assert len(relatives) <= 0.02 * len(sure(found))


def test_the_order_of_the_records_changes_nothing(labelled: tuple[pa.Table, Ints, Found]) -> None:
    table, _, found = labelled
    order = np.random.default_rng(3).permutation(len(table))
    again = found_in(table.take(pa.array(order)))
    there = again.probability >= THRESHOLD
    pairs = zip(order[again.left[there]].tolist(), order[again.right[there]].tolist(), strict=True)
    assert {(min(pair), max(pair)) for pair in pairs} == sure(found)


def test_what_is_missing_or_blank_is_no_agreement() -> None:
    table, _ = people(150)
    nothing = pa.table({name: pa.array([None, "", "  ", "-", "!", None], pa.string()) for name in COLUMNS})
    assert sure(found_in(pa.concat_tables([table, nothing]))) == sure(found_in(table))


@pytest.mark.parametrize("rows", [0, 1, FEWEST - 1])
def test_of_few_records_nothing_is_learned_and_nothing_told(rows: int) -> None:
    table = people(1)[0].slice(0, 1)
    found = found_in(pa.concat_tables([table] * rows) if rows else table.slice(0, 0))
    assert len(found.left) == len(found.probability) == 0


@settings(max_examples=6)
@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=3, max_size=3), max_size=12))
def test_any_text_is_compared(rows: list[list[str | None]]) -> None:
    rows *= FEWEST // max(len(rows), 1) + 1
    table = pa.table({f"c{place}": pa.array([row[place] for row in rows], pa.string()) for place in range(3)})
    found = found_in(table)
    assert np.all(found.left < found.right)
    assert np.all((found.probability >= 0) & (found.probability <= 1))


def test_too_little_memory_is_said_without_a_value() -> None:
    table, _ = people(900)
    with pytest.raises(PasserelleError, match="too little memory") as raised:
        find(table, columns_of(table, COLUMNS), memory="3MB", threads=1)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_what_duckdb_means_by_its_distances() -> None:
    """It counts bytes, and its Jaccard compares sets of letters: hence the folding, and words compared apart."""
    with duckdb.connect(":memory:") as db:
        said = db.execute(
            "SELECT levenshtein('é', 'e'), jaccard('abc', 'cba'), round(jaro_winkler_similarity('MARTHA', 'MARHTA'), 4)"
        ).fetchall()
    assert said == [(2, 1.0, 0.9611)]


def test_accents_and_case_are_no_difference() -> None:
    table, _ = people(150)
    loud = pa.table({name: pc.utf8_upper(table[name]) for name in COLUMNS})
    assert sure(found_in(loud)) == sure(found_in(table))
