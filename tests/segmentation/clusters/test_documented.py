"""What docs/clusters.md shows is true: each file and segment of the page is accepted."""

from pathlib import Path

from passerelle.segmentation import check
from passerelle.segmentation.clusters.file import SAMPLES, ClusterFile
from passerelle.segmentation.clusters.known import Clusters
from passerelle.workflows.settings.load import validated
from tests.segmentation.test_documented import (
    CLUSTERS,
    blocks,
    fitted,
    model,
    read,
    segments,
    segments_of,
    tables,
    words_of,
)

WRITTEN = [read(block) for block in blocks("yaml", CLUSTERS)]
FILES = {data["cluster"]: validated(ClusterFile, data) for data in WRITTEN if "cluster" in data}


def test_the_files_and_segments_of_the_page_hold() -> None:
    assert list(FILES) == ["buyers", "loyal_members", "dense_places", "phase"]
    more = {file.segment: file for file in segments_of(CLUSTERS)}
    assert list(more) == ["regulars_again"]
    found = check(model(), {**segments(), **more}, tables(), fitted=fitted(), clusters=Clusters(FILES, {}))
    assert [f"{each.document}: {each.message}" for each in found] == []


def test_each_word_of_the_file_is_shown() -> None:
    shown = {name for file in FILES.values() for part, name in words_of(file) if part != "SegmentFile"}
    assert {*ClusterFile.model_fields} - shown == {"version"}


def test_the_samples_of_the_page_are_the_real_ones() -> None:
    for method, most in SAMPLES.items():
        assert f"| `{method}` |" in CLUSTERS
        assert f"| {most:,} " in next(line for line in CLUSTERS.splitlines() if line.startswith(f"| `{method}` |"))


def test_the_page_is_named_where_people_start() -> None:
    assert "docs/clusters.md" in (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
