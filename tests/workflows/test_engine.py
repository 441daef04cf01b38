"""Segments on a workspace: the French shop, small, pulled once."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import ThresholdValue
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.engine import (
    StoredHistory,
    dataset,
    explain_segment,
    preview_segment,
    run_segments,
    segment_problems,
)
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.workspace import Workspace
from tests.segmentation.engines.servers import fresh_postgres
from tests.workflows.surroundings import NOW

NAMES = ("cart_abandoners", "lapsing_champions", "newsletter_readers")
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "ws"
    scaffold(folder)
    shop.generate(folder / "data", people=300, seed=1, now=NOW)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    return folder


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    with Workspace.open(folder) as workspace:
        yield workspace


def test_the_shops_three_segments_have_people(workspace: Workspace) -> None:
    found = run_segments(workspace, NAMES, as_of=None, now=NOW, progress=Silent())
    assert set(found) == set(NAMES)
    for membership in found.values():
        assert 0 < membership.size < membership.population
        assert membership.population == pytest.approx(300, rel=0.05)


def test_a_run_is_as_of_the_full_hour_unless_it_says_otherwise(workspace: Workspace) -> None:
    later = NOW + HOUR // 2
    found = run_segments(workspace, NAMES[:1], as_of=None, now=later, progress=Silent())
    assert found["cart_abandoners"].as_of == NOW
    found = run_segments(workspace, NAMES[:1], as_of=later, now=later, progress=Silent())
    assert found["cart_abandoners"].as_of == later


def test_the_same_instant_gives_the_same_people_again(workspace: Workspace) -> None:
    one, two = (run_segments(workspace, NAMES, as_of=NOW, now=NOW, progress=Silent()) for _ in range(2))
    for name in NAMES:
        assert one[name].subject_ids.equals(two[name].subject_ids)
        assert one[name].version == two[name].version
        assert one[name].thresholds == two[name].thresholds


def test_thresholds_are_kept_in_the_control_store(workspace: Workspace) -> None:
    run_segments(workspace, NAMES, as_of=NOW, now=NOW, progress=Silent())
    found = StoredHistory(workspace.store()).last("high_value", "", before=NOW + 1)
    assert found is not None
    assert (found.as_of, found.kept) == (NOW, False)
    assert found.value is not None
    assert found.value > 0


def test_a_history_gives_back_exactly_what_it_was_given(workspace: Workspace) -> None:
    history = StoredHistory(workspace.store())
    values = [
        ThresholdValue("exact", "or", 10, Decimal("0.123456"), "d", kept=True),
        ThresholdValue("exact", "or", 20, None, "d"),
        ThresholdValue("exact", "", 15, Decimal(12_050), "d"),
    ]
    history.save(values)
    history.save(values)
    history.save([])
    assert history.last("exact", "or", before=20) == values[0]
    assert history.last("exact", "or", before=21) == values[1]
    assert history.last("exact", "", before=99) == values[2]
    assert history.last("exact", "", before=15) is None


def test_people_who_were_erased_are_nobody(workspace: Workspace) -> None:
    before = run_segments(workspace, NAMES[:1], as_of=NOW, now=NOW, progress=Silent())["cart_abandoners"]
    person = pa.array([before.subject_ids[0].as_py()], pa.int64())
    with workspace.store().write() as connection:
        workspace.subjects().forget(connection, person, now=NOW)
    after = run_segments(workspace, NAMES[:1], as_of=NOW, now=NOW, progress=Silent())["cart_abandoners"]
    assert person[0] not in after.subject_ids
    assert after.size == before.size - 1


def test_the_engines_folder_is_private_and_nothing_stays_in_it(workspace: Workspace) -> None:
    run_segments(workspace, NAMES, as_of=NOW, now=NOW, progress=Silent())
    scratch = workspace.path("var/engine")
    assert scratch.stat().st_mode & 0o777 == 0o700
    assert list(scratch.iterdir()) == []


def test_the_engine_sees_no_identifier(workspace: Workspace) -> None:
    columns = {column for table in dataset(workspace).tables.values() for column in table.columns}
    assert columns == {"subject_id", "event", "at", "fidelite", "amount", "amount_outlier", "status", "page"}


def test_the_shops_definitions_fit_its_columns(workspace: Workspace) -> None:
    assert segment_problems(workspace) == []


def test_a_wrong_name_is_told_with_file_and_line(folder: Path) -> None:
    written = folder / "segments" / "wrong.yaml"
    written.write_text(
        "segment: wrong\nwhere:\n  all:\n    - {did: purchase}\n    - {trait: revenue_356d, at_least: 1}\n"
    )
    try:
        with Workspace.open(folder) as workspace:
            with pytest.raises(Unusable) as caught:
                run_segments(workspace, ["wrong"], as_of=NOW, now=NOW, progress=Silent())
            assert [(problem.file, problem.line) for problem in caught.value.problems] == [("segments/wrong.yaml", 5)]
            assert "Did you mean `revenue_365d`?" in caught.value.problems[0].message
            assert [str(problem) for problem in segment_problems(workspace)] == [str(caught.value)]
    finally:
        written.unlink()


def test_before_the_first_pull_it_says_so(tmp_path: Path) -> None:
    scaffold(tmp_path / "ws")
    with (
        Workspace.open(tmp_path / "ws") as workspace,
        pytest.raises(DefinitionError, match="nothing yet that segments may read of `crm`") as caught,
    ):
        run_segments(workspace, NAMES, as_of=NOW, now=NOW, progress=Silent())
    assert "passerelle pull" in caught.value.advice


@pytest.fixture
def elsewhere(folder: Path, tmp_path: Path) -> Iterator[Workspace]:
    """The same workspace, whose segments are computed by PostgreSQL: one line and one secret are all that differs."""
    moved = Path(shutil.copytree(folder, tmp_path / "ws"))
    text = (moved / "passerelle.yaml").read_text(encoding="utf-8")
    line = "engine: {kind: postgres, url_file: secrets/engine.url}"
    (moved / "passerelle.yaml").write_text(text.replace("engine: {kind: duckdb, memory: 2GB}", line), encoding="utf-8")
    for server in fresh_postgres():
        (moved / "secrets/engine.url").write_text(server.url, encoding="utf-8")
        (moved / "secrets/engine.url").chmod(0o600)
        with Workspace.open(moved) as workspace:
            yield workspace


@pytest.mark.postgres
def test_another_engine_gives_the_same_people_splits_and_thresholds(workspace: Workspace, elsewhere: Workspace) -> None:
    here, there = (run_segments(each, NAMES, as_of=NOW, now=NOW, progress=Silent()) for each in (workspace, elsewhere))
    assert here == there
    assert elsewhere.engine().check().startswith("PostgreSQL")


@pytest.mark.postgres
def test_looking_explaining_and_previewing_go_to_the_same_engine(workspace: Workspace, elsewhere: Workspace) -> None:
    one, two = (
        preview_segment(each, "lapsing_champions", as_of=NOW, now=NOW, by="loyalty") for each in (workspace, elsewhere)
    )
    assert one == two
    someone = run_segments(workspace, NAMES[:1], as_of=NOW, now=NOW, progress=Silent())[NAMES[0]].subject_ids[0].as_py()
    why, reason = (explain_segment(each, NAMES[0], someone, as_of=NOW, now=NOW) for each in (workspace, elsewhere))
    assert why == reason


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("{memory: 1GB}", "DuckDb"),
        ("{kind: postgres, url_file: secrets/engine.url}", "Postgres"),
        ('{kind: spark, master: "local[2]"}', "Spark"),
        ('{kind: spark, remote: "sc://spark.internal:15002", token_file: secrets/engine.url}', "SparkConnect"),
    ],
)
def test_one_line_names_the_engine(folder: Path, tmp_path: Path, line: str, kind: str) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "ws"))
    text = (moved / "passerelle.yaml").read_text(encoding="utf-8")
    assert "engine: {kind: duckdb, memory: 2GB}" in text
    text = text.replace("engine: {kind: duckdb, memory: 2GB}", f"engine: {line}")
    (moved / "passerelle.yaml").write_text(text, encoding="utf-8")
    (moved / "secrets/engine.url").write_text("postgresql://somebody@db.internal/x", encoding="utf-8")
    (moved / "secrets/engine.url").chmod(0o600)
    with Workspace.open(moved) as workspace:
        assert type(workspace.engine()).__name__ == kind
