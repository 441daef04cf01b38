"""How a labelled file is read and judged."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.quality.benchmark import Labelled, Score, compare, read_labelled
from tests.privacy.duplicates.people import people


@pytest.fixture
def file(tmp_path: Path) -> Path:
    table, owner = people(250)
    labels = pa.array([f"rec-{each}-{place}" for place, each in enumerate(owner.tolist())])
    pyarrow.csv.write_csv(table.add_column(0, " label ", labels), tmp_path / "people.csv")
    return tmp_path / "people.csv"


def test_labels_are_read_by_their_pattern_and_are_no_evidence(file: Path) -> None:
    data = read_labelled(file, truth="label", pattern=r"^rec-(\d+)-", without=["city"])
    assert data.table.column_names == ["first_name", "last_name", "birth", "email", "street", "postal_code"]
    assert data.true_pairs == len(data.owner) - len(np.unique(data.owner)) > 0


def test_precision_recall_and_f1_are_what_they_are_called() -> None:
    """By hand: 8 of 10 pairs are right, of 16 there are: 0.8, 0.5, and 2 · 0.4 / 1.3."""
    some = Score(0.85, pairs=10, right=8, true_pairs=16)
    assert (some.precision, some.recall, round(some.f1, 6)) == (0.8, 0.5, 0.615385)
    none = Score(0.85, pairs=0, right=0, true_pairs=4)
    assert (none.precision, none.recall, none.f1) == (1.0, 0.0, 0.0)


def test_every_two_records_of_one_person_are_a_true_pair() -> None:
    assert Labelled(pa.table({"a": ["x"] * 6}), np.array([0, 1, 0, 0, 2, 1])).true_pairs == 3 + 1


def test_most_duplicates_of_the_file_are_found(file: Path) -> None:
    [score], compared = compare(read_labelled(file, truth="label", pattern=r"-(\d+)-", without=[]), "builtin", [0.85])
    assert score.f1 > 0.9
    assert compared is not None
    assert score.pairs < compared


@pytest.mark.parametrize(
    ("truth", "pattern", "said"),
    [
        ("owner", "", "--truth names a column"),
        ("label", "rec", "no group"),
        ("label", "(", "no regular"),
        ("label", "(x)", "label"),
    ],
)
def test_what_cannot_be_read_is_said(file: Path, truth: str, pattern: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said.replace("no regular", "not a regular")):
        read_labelled(file, truth=truth, pattern=pattern, without=[])


def test_splink_judges_the_same_file(file: Path) -> None:
    data = read_labelled(file, truth="label", pattern=r"-(\d+)-", without=[])
    [score], compared = compare(data, "splink", [0.85])
    assert compared is None
    assert score.recall > 0.8
