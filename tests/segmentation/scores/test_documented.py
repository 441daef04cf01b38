"""What docs/scores.md shows is true: each file and segment of the page is accepted, and each word is shown."""

from importlib.metadata import entry_points
from pathlib import Path

from passerelle.segmentation import check
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.fit import LEAST, TELLTALE
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.learners import GROUP
from passerelle.segmentation.scores.spending import LEAST as LEAST_BACK
from passerelle.workflows.settings.load import validated
from tests.segmentation.test_documented import (
    SCORES,
    blocks,
    fitted,
    model,
    read,
    segments,
    segments_of,
    tables,
    words_of,
)

WRITTEN = [read(block) for block in blocks("yaml", SCORES)]
FILES = {data["score"]: validated(ScoreFile, data) for data in WRITTEN if "score" in data}


def test_the_files_and_segments_of_the_page_hold() -> None:
    assert list(FILES) == ["buys_again", "leaves", "lifetime"]
    more = {file.segment: file for file in segments_of(SCORES)}
    assert list(more) == ["buys_soon"]
    found = check(model(), {**segments(), **more}, tables(), fitted=fitted(), scores=Scores(FILES, {}))
    assert [f"{each.document}: {each.message}" for each in found] == []


def test_each_word_of_the_file_is_shown() -> None:
    shown = {name for file in FILES.values() for part, name in words_of(file) if part != "SegmentFile"}
    assert {*ScoreFile.model_fields} - shown == {"version"}


def test_the_learners_and_limits_of_the_page_are_the_real_ones() -> None:
    assert {each.name for each in entry_points(group=GROUP)} >= {"logistic", "mlp"}
    for each in entry_points(group=GROUP):
        assert f"| `{each.name}` |" in SCORES
    assert f"fewer than {LEAST} people did it" in SCORES
    assert f"fewer than {LEAST_BACK} who bought on two days" in SCORES
    assert f"an AUC of {TELLTALE}" in SCORES


def test_the_page_is_named_where_people_start() -> None:
    assert "docs/scores.md" in (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
