"""What a fit of a score leaves: what predicts, and the card that says how well; numbers alone, none one person's."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from passerelle.segmentation.learning.model import Feature, Fitted, Numbers
from passerelle.segmentation.scores.file import Kind
from passerelle.segmentation.scores.lifetime import Lifetime
from passerelle.segmentation.scores.predict import Layers, Linear, Trees


class Column(Numbers):
    """One column that is learnt from: a feature, its mean where it is unknown; with `gap`: whether it is unknown."""

    feature: Feature
    gap: bool = False

    @property
    def shown(self) -> str:
        """What readers call it."""
        return f"{self.feature.trait} is missing" if self.gap else self.feature.shown


class Moment(Numbers):
    """A past moment that was looked at."""

    at: int
    """µs since 1970 UTC: features are from before, outcomes from then on."""
    used: Literal["train", "test"]
    people: int
    outcomes: int
    """People who did it (or, of churn, who did not)."""


class Compared(Numbers):
    """One learner with the settings that did best over the folds, and how it did on people that it never saw."""

    learner: str
    settings: dict[str, float]
    tried: int
    """Settings that were tried."""
    fold_auc: float
    """The mean over folds in time: by this, one is chosen."""
    auc: float
    brier: float


class Baseline(Numbers):
    """What would be known without a model, on the same people."""

    what: str
    auc: float
    error: float
    """Brier's score; of amounts the mean absolute error."""


class Importance(Numbers):
    """How much worse people are told apart where a trait's values are shuffled among them."""

    trait: str
    auc_drop: float


class LeftOut(Numbers):
    """A feature that nothing was learnt from, and why."""

    feature: str
    reason: str


class Bin(Numbers):
    """People of whom nearly the same was expected, and what happened, on average."""

    people: int
    expected: float
    happened: float


class Reference(Numbers):
    """How a column, or the score, was spread over the people of the test: shares of a hundred thousand."""

    name: str
    edges: list[float]
    shares: list[int]
    """Below and between the edges, above them, and without a value."""


class Quality(Numbers):
    """How good it is on the test: people of a later moment, of whom nothing was learnt."""

    auc: float
    """Of amounts: of telling those who spent from those who did not."""
    error: float
    """Brier's score, 0 is perfect; of amounts the mean absolute error."""
    calibration_error: float
    """Expected against happened, the mean over people; of amounts how far the total is off, as a share of it."""
    precision: float = 0.0
    recall: float = 0.0
    f1: float = 0.0
    confusion: tuple[int, int, int, int] = (0, 0, 0, 0)
    """At the cut: above and did, above and did not, below and did, below and did not."""
    rank_correlation: float | None = None
    """Of amounts, Spearman's."""


class ScoreModel(Fitted):
    """What is expected of people, and its card."""

    again: ClassVar[str] = "passerelle score fit NAME"

    format: int = 1
    score: str
    kind: Kind
    question: str
    """In words."""
    horizon: int
    """Seconds: so long from the moment that is looked from."""
    seed: int
    learner: str
    settings: dict[str, float]
    columns: list[Column]
    predictor: Annotated[Linear | Trees | Layers | Lifetime, Field(discriminator="form")]
    calibration: tuple[float, float] = (1.0, 0.0)
    """Log-odds are multiplied by the first, then the second is added."""
    cut: float
    """From this probability on, somebody is counted as going to; of amounts, the amount of the top tenth."""
    moments: list[Moment]
    imbalance: str
    """What was done about it, in words; of amounts nothing."""
    compared: list[Compared]
    reason: str
    """Why this learner."""
    baselines: list[Baseline]
    importance: list[Importance]
    left_out: list[LeftOut]
    quality: Quality
    roc: list[tuple[float, float]]
    reliability: list[Bin]
    reference: list[Reference]
    """The score first, then each column."""
    notes: list[str] = Field(default_factory=list)

    @property
    def called(self) -> str:
        """See `Fitted`."""
        return self.score
