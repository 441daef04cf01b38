"""`quality calibrate` and `judge`: what people's labels say of the threshold, and of the pairs themselves."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.quality.review import Calibrated

_THRESHOLDS = (0.5, 0.7, 0.85, 0.95, 0.99)


# --- calibrate
class CalibrateRequest(Request):
    """A review file with labels."""

    file: Path = Field(
        description="The review file, with `same` or `different` as labels.", json_schema_extra={"cli": "argument"}
    )

    precision: float = Field(
        0.95, gt=0, le=1, description="How many of the pairs found must be one person, for the threshold suggested."
    )


class CalibratedThreshold(Part):
    """What the labels say of one threshold."""

    threshold: float
    precision: float | None = Field(description="Of the pairs found, those that are one person; estimated.")
    recall: float | None = Field(description="Of the compared pairs that are one person, those found; estimated.")


class CalibrateResult(Result):
    """Precision and recall, estimated from labels."""

    judged: int = 0
    thresholds: list[CalibratedThreshold] = Field(default_factory=list)
    suggested: CalibratedThreshold | None = Field(
        None, description="The lowest threshold with that precision; null where the labels are too few to tell."
    )


def run_calibrate(_environment: Environment, request: CalibrateRequest) -> CalibrateResult:
    """Needs no workspace."""
    from passerelle.workflows.quality.review import calibrate, read_review, suggested

    judged = read_review(request.file)
    best = suggested(judged, precision=request.precision)
    return CalibrateResult(
        judged=len(judged),
        thresholds=[_calibrated(one) for one in calibrate(judged, _THRESHOLDS)],
        suggested=None if best is None else _calibrated(best),
    )


def _calibrated(one: "Calibrated") -> CalibratedThreshold:
    return CalibratedThreshold(threshold=one.threshold, precision=_rounded(one.precision), recall=_rounded(one.recall))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def render_calibrate(result: CalibrateResult, console: "Console") -> None:
    """A line for each threshold."""
    from passerelle.workflows.verbs.tables import table

    lines = table(f"From {result.judged:,} labels", ("From",), ("Precision", "Recall"))
    for one in result.thresholds:
        figures = ("" if value is None else f"{value:.4f}" for value in (one.precision, one.recall))
        lines.add_row(f"{one.threshold:.2f}", *figures)
    console.print(lines, markup=False)
    if result.suggested is not None:
        console.print(f"Suggested: `duplicates: {{threshold: {result.suggested.threshold}}}`.", markup=False)
    else:
        console.print("Too few labels, or none of one kind, to suggest a threshold.", markup=False)


# --- judge
class JudgeRequest(Request):
    """A review file with labels."""

    file: Path = Field(
        description="The review file, with `same` or `different` as labels.", json_schema_extra={"cli": "argument"}
    )


class JudgeResult(Result):
    """What became of pairs that somebody judged."""

    judged: int = Field(0, description="Lines with a label.")
    tied: int = Field(0, description="Pairs that a no of one is a no of both for, since now.")
    let_go: int = Field(0, description="Pairs of whom each is by themselves again, since now.")
    unknown: int = Field(0, description="Pairs of whom one is not known any more.")


def run_judge(environment: Environment, request: JudgeRequest) -> JudgeResult:
    """Keep the labels of a review file."""
    from passerelle.workflows.quality.judging import judge_pairs
    from passerelle.workflows.quality.review import read_review
    from passerelle.workflows.workspace import Workspace

    judged = read_review(request.file)
    with Workspace.open(environment.workspace) as workspace:
        tied, let_go, unknown = judge_pairs(workspace, judged, now=environment.now())
    return JudgeResult(judged=len(judged), tied=tied, let_go=let_go, unknown=unknown)


def render_judge(result: JudgeResult, console: "Console") -> None:
    """A few sentences."""
    console.print(f"{result.judged:,} pairs are judged: {result.tied:,} tied, {result.let_go:,} let go.", markup=False)
    if result.unknown:
        console.print(f"{result.unknown:,} name people who are not known any more.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="quality calibrate",
        help="What labels in a review file say of each threshold: precision and recall. Needs no workspace.",
        request=CalibrateRequest,
        result=CalibrateResult,
        run=run_calibrate,
        render=render_calibrate,
    ),
    Verb(
        name="quality judge",
        help="Keep the labels of a review file: a no of one is a no of both, or each is by themselves again.",
        request=JudgeRequest,
        result=JudgeResult,
        run=run_judge,
        render=render_judge,
        recorded=True,
    ),
]
