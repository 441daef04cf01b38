"""The page about a score: its model card in words and pictures. Pure: the same model and runs make the same bytes.

Nothing in it is about one person; of fewer than ten people nothing is told.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from passerelle.privacy.audit.times import iso
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Child, Markup, joined, page, tag
from passerelle.workflows.report.pictures import Bar, bars
from passerelle.workflows.scores.pictures import calibration, roc
from passerelle.workflows.segments.small import people

if TYPE_CHECKING:
    from passerelle.segmentation.scores.file import ScoreFile
    from passerelle.segmentation.scores.model import ScoreModel
    from passerelle.workflows.scores.models import Run

_CSS = (
    "svg .mark { stroke: #9b1c1c; stroke-dasharray: 3 3; } svg .series { font-weight: 600; }"
    "svg .label, svg .number { font-size: 11px; }"
)
_LAST = 60


def report(file: "ScoreFile", model: "ScoreModel", runs: "Sequence[Run]") -> str:
    """The whole page, as HTML that loads nothing."""
    css = files("passerelle.workflows.report").joinpath("page.css").read_text("utf-8") + _CSS
    return page("en", f"Score {file.score}", css, joined([*_sections(file, model, runs)]))


def _sections(file: "ScoreFile", model: "ScoreModel", runs: "Sequence[Run]") -> Iterator[Markup]:
    yield _heading(file, model)
    yield _section("How well it tells people apart, and how true it is", quality(model))
    yield _section("Against what", _compared(model))
    if model.importance:
        yield _section("What matters", _importance(model))
    yield _section("What it was learnt from", _learnt(model))
    if runs:
        yield _section("From run to run", _runs(runs))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(model.made_with.items()))
    yield tag("footer", f"Model {model.version}, made with {versions}. Times are UTC. Nobody is named.")


def _heading(file: "ScoreFile", model: "ScoreModel") -> Markup:
    error = "Mean absolute error" if model.kind == "will_spend" else "Brier's score"
    facts = (
        ("AUC", f"{model.quality.auc:.3f}"),
        ("Calibration error", f"{model.quality.calibration_error:.3f}"),
        (error, f"{model.quality.error:.3g}"),
        ("Learner", model.learner.replace("_", " ")),
    )
    return joined(
        [
            tag(
                "header",
                tag("h1", f"Score {file.score}"),
                tag("p", file.description) if file.description else None,
                tag("p", f"{model.question}. Learnt as of {iso(model.as_of)}."),
            ),
            tag(
                "div",
                *(tag("div", tag("b", value), tag("span", name), class_="card") for name, value in facts),
                class_="cards",
            ),
            tag("p", f"{model.reason} {model.imbalance}".strip()),
            *(tag("p", f"Note: {note}") for note in model.notes),
        ]
    )


def quality(model: "ScoreModel") -> Markup:
    """ROC and calibration on the test, and what the cut does."""
    shares = model.kind != "will_spend"
    bins = [(each.expected, each.happened) for each in model.reliability]
    found = [
        tag("p", "On people of a later moment, of whom nothing was learnt. The dashed line is chance, or the truth."),
        tag("figure", roc(model.roc, model.quality.auc, title="How well people are told apart (ROC)")),
        tag("figure", calibration(bins, title="What was expected, and what happened", percent=shares)),
    ]
    if shares:
        said = model.quality
        rows = [
            ("did it", people(said.confusion[0]), people(said.confusion[2])),
            ("did not", people(said.confusion[1]), people(said.confusion[3])),
        ]
        found += [
            tag(
                "p",
                f"At {model.cut:.3f} or more: precision {said.precision:.2f}, recall {said.recall:.2f}, "
                f"F1 {said.f1:.2f}.",
            ),
            listed(("Who", "At or above the cut", "Below it"), rows, numbers=2),
        ]
    return joined(found)


def _compared(model: "ScoreModel") -> Markup:
    rows = [
        (each.learner.replace("_", " "), f"{each.fold_auc:.3f}", f"{each.auc:.3f}", f"{each.brier:.4f}")
        for each in model.compared
    ] + [(each.what, "", f"{each.auc:.3f}", f"{each.error:.4g}") for each in model.baselines]
    return listed(("What", "AUC over folds", "AUC on the test", "Error"), rows, numbers=3)


def _importance(model: "ScoreModel") -> Markup:
    rows = [Bar(each.trait, max(each.auc_drop, 0.0), f"{each.auc_drop:+.3f}") for each in model.importance]
    return joined(
        [
            tag("p", "How much AUC is lost where a trait's values are shuffled among people."),
            bars(rows, title="How much each trait matters"),
        ]
    )


def _learnt(model: "ScoreModel") -> Markup:
    rows = [(iso(each.at), each.used, people(each.people), people(each.outcomes)) for each in model.moments]
    out = [(each.feature, each.reason) for each in model.left_out]
    return joined(
        [
            tag("p", "Features are from before each moment, outcomes from then on."),
            listed(("Moment", "For", "People", "Came true"), rows, numbers=2),
            listed(("Left out", "Why"), out, numbers=0) if out else None,
        ]
    )


def _runs(runs: "Sequence[Run]") -> Markup:
    rows = [
        (iso(each.as_of), each.version[:12], people(each.people), f"{each.mean:.4g}", each.drifted, f"{each.drift:.3f}")
        for each in runs[-_LAST:]
    ]
    return listed(("As of", "Model", "People", "Mean", "What moved most", "PSI"), rows, numbers=1)


def _section(title: str, *inside: Child) -> Markup:
    return tag("section", tag("h2", title), *inside)
