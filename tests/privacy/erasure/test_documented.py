"""docs/erasure.md says what becomes of each table that there is, and nothing else."""

import re
from pathlib import Path

from passerelle.privacy.erasure.fates import FATES, ON_THE_LOG, ROWS, Fate
from passerelle.privacy.store.tables import metadata

PAGE = (Path(__file__).parents[3] / "docs" / "erasure.md").read_text()


def test_every_table_of_the_store_has_its_fate_and_stands_on_the_page() -> None:
    shown = re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name for name, _, _ in shown} == set(metadata.tables)
    assert {name: (Fate(word), what) for name, word, what in shown} == FATES


def test_tables_that_know_people_by_number_are_emptied_of_them_or_say_why_not() -> None:
    by_number = {name for name, table in metadata.tables.items() if "subject_id" in table.c}
    assert all(FATES[name][0] is not Fate.NOBODY for name in by_number)
    destroyed = {name for name in by_number if FATES[name][0] is Fate.DESTROYED}
    assert destroyed == {*ROWS, "vault", "identity", "probable_link"}


def test_tables_whose_rows_rest_on_the_log_are_accounted_for_there() -> None:
    resting = {name for name in ROWS if "log_index" in metadata.tables[name].c}
    assert resting == set(ON_THE_LOG)
