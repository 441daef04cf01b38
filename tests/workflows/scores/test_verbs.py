"""`score …` on a small shop: what is told, what is kept, and what a run notes."""

import json
import shutil
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, HeldBack
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.engine import run_segments
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.scores.report import report
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.score import CardResult
from passerelle.workflows.verbs.score_runs import ApplyResult, HistoryResult, ReportResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.segments.page import Seen
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask

BUYS = """score: buys
will: purchase
within: 60d
population: {did: purchase}
features: {recency_days: {log: true}, orders_365d: {log: true}}
learners: {logistic: {c: [1]}}
cuts: 3
gates: {min_auc: 0.5, max_calibration_error: 1, max_drift: 5}
"""
SPENDS = """score: spends
will_spend: purchase.amount
within: 60d
population: {did: purchase}
gates: {min_auc: 0.5, max_calibration_error: 9, max_drift: 5}
"""


def made(folder: Path) -> None:
    scaffold(folder)
    shop.generate(folder / "data", people=300, seed=1, now=NOW)
    (folder / "scores").mkdir()
    (folder / "scores/buys.yaml").write_text(BUYS)
    (folder / "scores/spends.yaml").write_text(SPENDS)
    (folder / "segments/soon.yaml").write_text("segment: soon\nwhere: {score: buys, top_percent: 20}\n")
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    for name in ("buys", "spends"):
        ask(folder, "score fit", name=name)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "scored", made), tmp_path / "ws"))


def shown(folder: Path, name: str = "buys") -> CardResult:
    result = ask(folder, "score show", name=name)
    assert isinstance(result, CardResult)
    return result


def history(folder: Path) -> HistoryResult:
    result = ask(folder, "score history", name="buys")
    assert isinstance(result, HistoryResult)
    return result


def test_the_card_of_a_probability_is_told(folder: Path) -> None:
    found = shown(folder)
    assert (found.outcome, found.exit_code, found.good_enough) == ("done", 0, True)
    assert found.question == "How probably each will do purchase within 60 days"
    assert found.learner == "logistic"
    assert [each.used for each in found.moments] == ["test", "train", "train"]
    assert 0.5 < found.auc <= 1
    assert found.confusion is not None
    assert {each.trait for each in found.importance} == {"recency_days", "orders_365d"}
    assert found.rank_correlation is None


def test_the_card_of_an_amount_is_told(folder: Path) -> None:
    found = shown(folder, "spends")
    assert found.kind == "will_spend"
    assert set(found.settings) == {"r", "alpha", "a", "b", "p", "q", "gamma"}
    assert found.confusion is None
    assert found.rank_correlation is not None
    assert [each.what for each in found.baselines] == ["everybody the mean", "as much per day as until now"]


def test_a_fit_of_the_same_data_is_the_same_model(folder: Path) -> None:
    before = shown(folder)
    assert ask(folder, "score fit", name="buys").version == before.version  # type: ignore[attr-defined]
    (fit,) = history(folder).fits
    assert (fit.version, fit.in_use, fit.auc) == (before.version, True, before.auc)


def test_a_run_that_computes_a_segment_notes_how_the_model_does(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        found = run_segments(workspace, ["soon"], as_of=None, now=NOW, progress=Silent())["soon"]
    assert found.size > 30
    (run,) = history(folder).runs
    applied = ask(folder, "score apply", name="buys")
    assert isinstance(applied, ApplyResult)
    assert (run.version, run.people, run.mean, run.drift) == (
        applied.version,
        applied.people,
        applied.mean,
        applied.drift,
    )
    assert len(history(folder).runs) == 1, "the same instant and model again replaces it"


def test_a_model_that_is_not_good_enough_is_kept_and_said(folder: Path) -> None:
    (folder / "scores/buys.yaml").write_text(BUYS.replace("min_auc: 0.5", "min_auc: 1"))
    found = shown(folder)
    assert (found.outcome, found.exit_code, found.good_enough) == ("held_back", 3, False)
    assert "is weak: its AUC is" in found.advice


def test_people_who_moved_are_said(folder: Path) -> None:
    (folder / "scores/buys.yaml").write_text(BUYS.replace("max_drift: 5", "max_drift: 0.000001"))
    applied = ask(folder, "score apply", name="buys")
    assert (applied.outcome, applied.exit_code) == ("held_back", 3)
    assert "moved (PSI" in applied.advice


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(DefinitionError, match=r"no file for the score `bys` in scores/\. Did you mean `buys`\?"):
        ask(folder, "score show", name="bys")
    shutil.rmtree(folder / "var/scores")
    with pytest.raises(HeldBack, match=r"The score `buys` has not been fitted yet\."):
        ask(folder, "score show", name="buys")
    (folder / "scores/buys.yaml").write_text(BUYS.replace("recency_days", "recency"))
    with pytest.raises(Unusable, match=r"scores/buys.yaml, line 5: There is no trait `recency`"):
        ask(folder, "score fit", name="buys")


@pytest.mark.parametrize("name", ["buys", "spends"])
def test_the_page_has_its_pictures_and_loads_nothing(folder: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "page.html"
    ask(folder, "score apply", name=name)
    written = ask(folder, "score report", name=name, out=out)
    assert isinstance(written, ReportResult)
    page = out.read_text("utf-8")
    assert written.bytes == len(page.encode())
    seen = Seen(page)
    assert seen.addresses == []
    assert {"How well people are told apart (ROC)", "What was expected, and what happened"} <= set(seen.texts["title"])
    assert "From run to run" in seen.texts["h2"]
    assert f"AUC {shown(folder, name).auc:.3f}" in seen.texts["text"]
    with Workspace.open(folder) as workspace:
        models = workspace.score_models()
        assert report(workspace.scores[name], models[name], models.runs(name)) == page, "the same bytes"


def test_the_page_of_a_segment_shows_how_good_its_score_is(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "soon.html"
    ask(folder, "segment report", name="soon", out=out)
    seen = Seen(out.read_text("utf-8"))
    assert "Scores" in seen.texts["h2"]
    assert "How well people are told apart (ROC)" in seen.texts["title"]


def test_a_models_file_holds_numbers_and_no_person(folder: Path) -> None:
    for path in (folder / "var/scores").glob("*/*.json"):
        assert "subject_id" not in path.read_text()
        assert json.loads(path.read_bytes())["as_of"] > 0
        assert path.stat().st_mode & 0o777 == 0o600
