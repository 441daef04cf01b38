"""`segment report` on a small shop: what is in the page, and what never is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, HeldBack
from passerelle.workflows.report.markup import tag
from passerelle.workflows.segments.report import applicable, report
from passerelle.workflows.segments.section import Asked, Section, asking
from passerelle.workflows.verbs.segment_report import ReportResult
from passerelle.workflows.verbs.snapshot import SnapshotResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.segments.page import Seen
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask


def written(folder: Path, name: str, out: Path) -> tuple[ReportResult, str]:
    result = ask(folder, "segment report", name=name, out=out)
    assert isinstance(result, ReportResult)
    return result, out.read_text()


def test_the_page_has_the_sections_that_apply_and_loads_nothing(folder: Path, tmp_path: Path) -> None:
    result, page = written(folder, "champions", tmp_path / "champions.html")
    seen = Seen(page)
    assert seen.texts["h2"] == result.sections
    assert "Recency, frequency and money" in result.sections
    assert "Thresholds and how they went" not in result.sections
    assert seen.addresses == []
    assert "default-src &#x27;none&#x27;" in page
    assert "<script" not in page
    assert "The <best>." in seen.texts["p"]
    assert len(page.encode()) == result.bytes


def test_the_same_instant_gives_the_same_page_of_thresholds_and_consent(folder: Path, tmp_path: Path) -> None:
    result, page = written(folder, "lapsing_champions", tmp_path / "one.html")
    assert "Thresholds and how they went" in result.sections
    assert "lapsing_champions at meta, for ad list matching" in page
    assert written(folder, "lapsing_champions", tmp_path / "two.html")[1] == page


def test_a_page_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be written"):
        written(folder, "champions", tmp_path / "nowhere" / "page.html")


def unsure(_asked: Asked) -> None:
    raise HeldBack("The model is old.", advice="Fit it again.")


def test_a_section_that_cannot_be_relied_on_says_so_in_its_place(folder: Path) -> None:
    some: Sequence[Section[None]] = [
        Section("Scores", lambda _asked: True, unsure, lambda _found: tag("p")),
        Section("Other", lambda _asked: False, unsure, lambda _found: tag("p")),
    ]
    with Workspace.open(folder) as workspace, asking(workspace, "champions", as_of=None, now=NOW) as asked:
        seen = Seen(report(asked, applicable(asked, some)))
    assert seen.texts["h2"] == ["Scores"]
    assert "The model is old. Fit it again." in seen.texts["p"]


def test_the_way_of_the_segments_own_people_is_drawn(folder: Path, tmp_path: Path) -> None:
    both = "{all: [{in_segment: newsletter_readers}, {funnel: buying, reached: looked}]}"
    (folder / "segments/readers_who_looked.yaml").write_text(f"segment: readers_who_looked\nwhere: {both}\n")
    result, page = written(folder, "newsletter_readers", tmp_path / "page.html")
    assert "The way they take" in result.sections
    texts = Seen(page).texts["text"]
    assert {"The funnel buying", "The journey shopping", "start", "catalogue"} <= set(texts)
    with Workspace.open(folder) as workspace, asking(workspace, "readers_who_looked", as_of=None, now=NOW) as asked:
        size = asked.membership.size
    assert size > 10
    assert f"{size:,} (100 %)" in texts


def test_of_a_segment_of_few_people_nothing_is_told(folder: Path, tmp_path: Path) -> None:
    few = "segment: few\nwhere: {top: {percent: 1, by: revenue_365d, ties: hash}}\n"
    (folder / "segments/few.yaml").write_text(few)
    kept = ask(folder, "segment snapshot", name="few")
    assert isinstance(kept, SnapshotResult)
    assert 1 < kept.size < 10
    seen = Seen(written(folder, "few", tmp_path / "few.html")[1])
    told = " | ".join(text for each in seen.texts.values() for text in each)
    assert seen.texts["b"][0] == "fewer than 10"
    assert "It never had 10 people or more." in told
    assert "nothing is told of them" in told
    numbers = {word.strip(".,") for name in ("text", "td", "b") for text in seen.texts[name] for word in text.split()}
    assert f"{kept.size}" not in numbers
