"""`score fit · show`: what people will probably do or spend, and how well that is known."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.scores.work import Told

LEAST = 10
"""Fewer people than this are not counted in front of readers."""


class FitRequest(Request):
    """Which score, and from when."""

    name: str = Field(description="The score: a file of scores/.", json_schema_extra={"cli": "argument"})
    as_of: str | None = Field(None, description=AS_OF)


class ShowRequest(Request):
    """Which score."""

    name: str = Field(description="The score: a file of scores/.", json_schema_extra={"cli": "argument"})


class PastMoment(Part):
    """A past moment that was looked at: features from before it, outcomes from then on."""

    at: str
    used: str = Field(description="`train`, or `test`: people of whom nothing was learnt.")
    people: int
    outcomes: int = Field(description="Of them, those of whom it came true.")


class ComparedLearner(Part):
    """A learner with the settings that did best."""

    learner: str
    settings: dict[str, float]
    tried: int
    fold_auc: float = Field(description="The mean over folds in time, by which one is chosen.")
    auc: float = Field(description="On the test.")
    brier: float


class KnownWithout(Part):
    """What would be known without a model."""

    what: str
    auc: float
    loss: float


class Matters(Part):
    """How much a trait matters."""

    trait: str
    auc_drop: float = Field(description="How much the AUC falls where its values are shuffled among people.")


class NotUsed(Part):
    """A feature that nothing was learnt from."""

    feature: str
    reason: str


class CurvePoint(Part):
    """A point of the ROC curve."""

    false_positives: float = Field(description="Of those of whom it did not come true, the share above a cut.")
    true_positives: float


class CalibrationBin(Part):
    """People of whom nearly the same was expected."""

    people: int
    expected: float
    happened: float


class Confusion(Part):
    """What became of people at the cut; null where they are too few to be shown."""

    above_and_did: int | None
    above_and_did_not: int | None
    below_and_did: int | None
    below_and_did_not: int | None


class CardResult(Result):
    """A fitted score with its model card."""

    score: str = ""
    version: str = Field("", description="SHA-256 of the model's file.")
    question: str = ""
    kind: str = ""
    as_of: str = ""
    snapshot: str = Field("", description="Digest of the data that was looked at.")
    learner: str = ""
    settings: dict[str, float] = Field(default_factory=dict)
    seed: int = 0
    made_with: dict[str, str] = Field(default_factory=dict)
    reason: str = Field("", description="Why this learner.")
    imbalance: str = ""
    auc: float = 0
    loss: float = Field(0, description="Brier's score; of amounts the mean absolute error.")
    calibration_error: float = 0
    cut: float = Field(0, description="From here on people count as going to, for the figures below.")
    precision: float = 0
    recall: float = 0
    f1: float = 0
    confusion: Confusion | None = None
    rank_correlation: float | None = Field(None, description="Of amounts: Spearman's.")
    good_enough: bool = Field(False, description="Whether segments may rest on it, by its own gates.")
    moments: list[PastMoment] = Field(default_factory=list)
    compared: list[ComparedLearner] = Field(default_factory=list)
    baselines: list[KnownWithout] = Field(default_factory=list)
    importance: list[Matters] = Field(default_factory=list)
    left_out: list[NotUsed] = Field(default_factory=list)
    roc: list[CurvePoint] = Field(default_factory=list)
    calibration: list[CalibrationBin] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


def run_fit(environment: Environment, request: FitRequest) -> CardResult:
    """Learn from past moments, and put the model into use."""
    from passerelle.workflows.scores.work import fit_score
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        at = as_of(workspace, request.as_of, now)
        return card(fit_score(workspace, request.name, as_of=at, now=now, progress=environment.progress))


def run_show(environment: Environment, request: ShowRequest) -> CardResult:
    """The model in use."""
    from passerelle.workflows.engine import instant
    from passerelle.workflows.scores.work import told
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        return card(told(workspace, request.name, instant(None, environment.now())))


def held_back(found: "Told") -> dict[str, object]:
    """What a result says besides: held back, with what to do, where segments may not rest on the model."""
    if found.unfit is None:
        return {}
    return {"outcome": Outcome.HELD_BACK, "exit_code": EXIT_CODES[Outcome.HELD_BACK], "advice": str(found.unfit)}


def card(found: "Told") -> CardResult:
    """The model card."""
    from passerelle.privacy.audit.times import iso

    model, quality = found.model, found.model.quality
    return CardResult(
        **held_back(found),
        version=model.version,
        as_of=iso(model.as_of),
        good_enough=found.unfit is None,
        confusion=None if model.kind == "will_spend" else _confusion(quality.confusion),
        moments=[PastMoment(at=iso(each.at), **each.model_dump(exclude={"at"})) for each in model.moments],
        compared=[ComparedLearner(**each.model_dump()) for each in model.compared],
        baselines=[KnownWithout(what=each.what, auc=each.auc, loss=each.error) for each in model.baselines],
        importance=[Matters(**each.model_dump()) for each in model.importance],
        left_out=[NotUsed(**each.model_dump()) for each in model.left_out],
        roc=[CurvePoint(false_positives=across, true_positives=up) for across, up in model.roc],
        calibration=[CalibrationBin(**each.model_dump()) for each in model.reliability],
        loss=quality.error,
        **quality.model_dump(exclude={"confusion", "error"}),
        **model.model_dump(include=_AS_THEY_ARE),
    )


_AS_THEY_ARE = {
    "score", "question", "kind", "snapshot", "learner", "settings", "seed", "made_with", "reason", "imbalance", "cut",
    "notes",
}  # fmt: skip


def _confusion(counts: tuple[int, int, int, int]) -> Confusion:
    shown = [each if each >= LEAST else None for each in counts]
    return Confusion(
        above_and_did=shown[0], above_and_did_not=shown[1], below_and_did=shown[2], below_and_did_not=shown[3]
    )


# --- as people read it
def render_card(result: CardResult, console: "Console") -> None:
    """The card: what it says, how well, against what, and what matters."""
    from passerelle.workflows.verbs.tables import number, table

    console.print(f"{result.question}.", style="bold", markup=False)
    good = "good enough" if result.good_enough else "NOT GOOD ENOUGH"
    loss = "mean absolute error" if result.kind == "will_spend" else "Brier"
    console.print(
        f"{result.learner}, as of {result.as_of}: AUC {result.auc:.3f}, {loss} {result.loss:.3g}, "
        f"calibration error {result.calibration_error:.3f}: {good}.",
        markup=False,
    )
    if result.confusion is not None:
        console.print(
            f"At {result.cut:.3f} or more: precision {result.precision:.2f}, recall {result.recall:.2f}, "
            f"F1 {result.f1:.2f}. {_confused(result.confusion)}",
            markup=False,
        )
    console.print(f"{result.reason} {result.imbalance}".strip(), markup=False)
    lines = table("Compared", ("What",), ("AUC over folds", "AUC", "Error"))
    for each in result.compared:
        lines.add_row(each.learner, f"{each.fold_auc:.3f}", f"{each.auc:.3f}", f"{each.brier:.4f}")
    for base in result.baselines:
        lines.add_row(base.what, "", f"{base.auc:.3f}", f"{base.loss:.4g}")
    console.print(lines, markup=False)
    if result.importance:
        matters = table("What matters", ("Trait",), ("AUC lost without it",))
        for trait in result.importance:
            matters.add_row(trait.trait, f"{trait.auc_drop:+.3f}")
        console.print(matters, markup=False)
    moments = table("Past moments", ("At", "For"), ("People", "Came true"))
    for moment in result.moments:
        moments.add_row(moment.at, moment.used, number(moment.people), number(moment.outcomes))
    console.print(moments, markup=False)
    for out in result.left_out:
        console.print(f"Left out: `{out.feature}`, {out.reason}.", markup=False)
    for note in result.notes:
        console.print(f"Note: {note}", style="yellow", markup=False)


def _confused(found: Confusion) -> str:
    counts = (found.above_and_did, found.above_and_did_not, found.below_and_did, found.below_and_did_not)
    told = ["few" if count is None else f"{count:,}" for count in counts]
    return f"Of those, {told[0]} did it and {told[1]} did not; of all others {told[2]} and {told[3]}."


VERBS: list[AnyVerb] = [
    Verb(
        name="score fit",
        help="Learn what people will probably do or spend, say how well that is known, and put it into use.",
        request=FitRequest,
        result=CardResult,
        run=run_fit,
        render=render_card,
        remote=True,
        recorded=True,
    ),
    Verb(
        name="score show",
        help="The model card of the score in use: how good it is, against what, what matters, what was left out.",
        request=ShowRequest,
        result=CardResult,
        run=run_show,
        render=render_card,
        remote=True,
    ),
]
