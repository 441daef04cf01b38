"""People who are probably one: found in memory, kept as numbers, judged without seeing who they are."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.quality.judging import judge_pairs
from passerelle.workflows.quality.people import Probable, keep_ties, probable_people
from passerelle.workflows.quality.review import Calibrated, Judged, calibrate, read_review, suggested, write_review
from tests.canary import Canary, leaks
from tests.privacy.duplicates.people import people
from tests.workflows.pulls import NOW, Shop

FIELDS: dict[str, Any] = {
    "id": {"key": True, "identifier": "external_id"},
    "first_name": {"identifier": "first_name"},
    "last_name": {"identifier": "last_name"},
    "birth_year": {"identifier": "birth_year", "column": "birth"},
    "birth_month": {"identifier": "birth_month", "column": "birth"},
    "birth_day": {"identifier": "birth_day", "column": "birth"},
    "email": {"identifier": "email"},
    "postal_code": {"identifier": "postal_code"},
    "city": {"identifier": "city"},
}
CANARY = Canary.make("twice")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Some hundred people, of whom the canary is there twice, under another address and with a letter left out."""
    made = Shop(
        tmp_path_factory.mktemp("people"),
        {"crm": {"kind": "files", "path": "data/p.csv", "grain": "person", "fields": FIELDS}},
    )
    table, _ = people(100)
    rows = [{name: row[name] or "" for name in row if name != "street"} for row in table.to_pylist()]
    twice = {"last_name": CANARY.last_name, "birth": "1980-02-03", "postal_code": "75011", "city": "Paris"}
    rows.append(twice | {"first_name": CANARY.first_name, "email": CANARY.email})
    rows.append(twice | {"first_name": CANARY.first_name[:-1], "email": f"x{CANARY.email}"})
    with (made.folder / "data/p.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", *rows[-1]])
        writer.writeheader()
        writer.writerows({"id": f"P{number}", **row} for number, row in enumerate(rows))
    assert made.pull().error is None
    return made


@pytest.fixture(scope="module")
def probable(shop: Shop) -> Probable:
    return probable_people(shop.open())


def test_pairs_are_kept_as_numbers_and_extend_no_consent(shop: Shop, probable: Probable) -> None:
    before = shop.rows("consent_event", "subject_id")
    kept = keep_ties(shop.open(), probable, threshold=0.85, now=NOW)
    again = keep_ties(shop.open(), probable, threshold=0.85, now=NOW + 1)
    links = shop.rows("probable_link", "subject_id", "other_id", "score", "source", "found_at")
    assert kept == again == len(links) > 5
    assert {(source, at) for *_, source, at in links} == {("quality", NOW)}
    assert all(850 <= score <= 1000 for _, _, score, _, _ in links)
    everybody = sorted(number for (number,) in shop.rows("subject", "subject_id"))
    assert (everybody[-2], everybody[-1]) in {(one, other) for one, other, *_ in links}
    assert shop.rows("consent_event", "subject_id") == before
    assert {into for (into,) in shop.rows("subject", "merged_into")} == {None}


def test_a_review_file_says_levels_and_nobody(probable: Probable, tmp_path: Path) -> None:
    count = write_review(probable, tmp_path / "review.csv", per_stratum=1000)
    with (tmp_path / "review.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == count == len(probable.found.left)
    assert {line["last_name"] for line in lines} <= {"exact", "close", "near", "differs", "missing"}
    assert leaks([CANARY], tmp_path, repr(probable).encode()) == []
    with pytest.raises(DefinitionError, match="there already"):
        write_review(probable, tmp_path / "review.csv", per_stratum=1)


def test_few_lines_of_each_stratum_are_the_same_each_time(probable: Probable, tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write_review(probable, tmp_path / name, per_stratum=2)
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    assert read_review(tmp_path / "one.csv") == []


def test_labels_count_from_then_on_and_are_not_asked_for_again(shop: Shop, probable: Probable, tmp_path: Path) -> None:
    shop.close()
    shutil.copytree(shop.folder, tmp_path / "workspace")
    shop = Shop(tmp_path)
    write_review(probable, tmp_path / "one.csv", per_stratum=2)
    with (tmp_path / "one.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    same, different = lines[0], lines[-1]
    same["label"], different["label"] = "same", "different"
    with (tmp_path / "one.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows([*lines, lines[1] | {"subject_ref": "s1" + "0" * 32, "label": "same"}])
    judged = read_review(tmp_path / "one.csv")
    assert judge_pairs(shop.open(), judged, now=NOW + 1)[1:] == (1, 1)
    assert judge_pairs(shop.open(), judged, now=NOW + 2) == (0, 0, 1)

    again = probable_people(shop.open())
    assert int(again.judged.sum()) == 2
    before = shop.rows("probable_link", "subject_id", "other_id", "let_go_at")
    keep_ties(shop.open(), again, threshold=0.5, now=NOW + 3)
    kept = shop.rows("probable_link", "subject_id", "other_id", "let_go_at")
    assert [row for row in before if row[2] == NOW + 1] == [row for row in kept if row[2] is not None]
    assert write_review(again, tmp_path / "two.csv", per_stratum=10_000) == len(again.found.left) - 2


def test_a_threshold_is_suggested_from_enough_labels_of_both_kinds() -> None:
    """By hand: from 0.9 on all are right, of those at 0.6 half are; 0.95 is reached at 0.9 alone."""
    high = [Judged(5, 20, 0.9, same=True) for _ in range(20)]
    low = [Judged(3, 20, 0.6, same=number < 10) for number in range(20)]
    found = suggested(high + low, precision=0.95)
    assert found is not None
    assert (found.threshold, found.precision) == (0.9, 1.0)
    assert found.recall == pytest.approx(20 / 30)
    assert suggested(high + low, precision=0.7) == Calibrated(0.6, 0.75, 1.0)
    assert suggested(high, precision=0.5) is None, "labels of one kind alone"
    assert suggested((high + low)[10:30], precision=0.5) is None, "too few"


def test_labels_stand_for_their_stratum() -> None:
    """By hand: 100 pairs above, 9 of 10 judged right; 50 below, 1 of 5 right: 90 + 10 right pairs of 100 + 50."""
    above = [Judged(6, 100, 0.97, same=number > 0) for number in range(10)]
    below = [Judged(3, 50, 0.6, same=number == 0) for number in range(5)]
    low, high = calibrate(above + below, [0.5, 0.85])
    assert low.precision == pytest.approx(100 / 150)
    assert low.recall == 1.0
    assert high.precision == pytest.approx(0.9)
    assert high.recall == pytest.approx(0.9)
    assert calibrate([], [0.85])[0].precision is None


@pytest.mark.parametrize(("label", "said"), [("maybe", "Line 2: the label"), ("same", "Line 2 is not as it was")])
def test_a_label_that_cannot_be_read_is_said_with_its_line(tmp_path: Path, label: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(f"stratum,probability,label\n1,0.5,{label}\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=said):
        read_review(tmp_path / "r.csv")
