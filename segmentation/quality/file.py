"""quality.yaml: what is expected of each table that is pulled, and what is repaired before segments read it."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.thresholds import PERCENT, share
from passerelle.segmentation.language.words import Closed, Number, Scalar
from passerelle.segmentation.quality.corrections import Corrections, Domains

Severity = Literal["stop", "warn"]
Then = Literal["report", "flag", "clip", "blank", "quarantine"]
IdentifierName = Literal["email", "phone", "postal_code"]

_SEVERITY: Any = Field("warn", description="`stop`: segments keep reading what they read before. `warn`: it is said.")
_THEN: Any = Field(
    "report",
    description="`flag`: a column says so. `clip`: the nearest usual value. `blank`: no value. `quarantine`: the row is"
    " kept from segments. Nothing is lost: the lake keeps what came.",
)


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise PydanticCustomError("day", "must be a date such as 1900-01-01") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


Share = Annotated[
    Number,
    BeforeValidator(share),
    Field(ge=0, le=10),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PERCENT}, {"type": "number"}]}),
]
"""`5%`; `0%` allows none."""


class Rows(Closed):
    """How many rows there are."""

    at_least: int | None = Field(None, ge=1, description="Fewer rows are too few.")
    max_change: Share | None = Field(None, description="A bigger change than this against the run before is too big.")
    severity: Severity = _SEVERITY


class Format(Closed):
    """Identifiers that cannot be used, of those that came with this pull. Counted; no value is looked at later."""

    unusable: Share = Field(description="More than this share is too much.")
    severity: Severity = _SEVERITY


class Constant(Closed):
    """A value of one's own."""

    constant: Scalar = Field(description="What stands where there is no value.")


class Neighbours(Closed):
    """The mean of the rows that are nearest in other columns."""

    by: list[str] = Field(
        min_length=1, max_length=20, description="Columns of numbers, money, yes or no of the same table."
    )
    neighbours: int = Field(5, ge=3, le=100, description="Of how many rows.")
    sample: int = Field(5_000, ge=100, le=20_000, description="Rows at most that are looked at: time grows with them.")


class Nearest(Closed):
    """What the nearest rows have (needs scikit-learn)."""

    knn: Neighbours


class Regressions(Closed):
    """Each column with gaps told from all others, again and again until nothing moves."""

    by: list[str] = Field(
        min_length=1, max_length=20, description="Columns of numbers, money, yes or no of the same table."
    )
    sample: int = Field(200_000, ge=100, le=1_000_000, description="Rows at most that it is learnt from.")


class Iterated(Closed):
    """What the row's other columns speak for (needs scikit-learn)."""

    iterative: Regressions


Repair = Literal["mean", "median", "linear"] | Constant | Nearest | Iterated


class Missing(Closed):
    """Rows without a value."""

    at_most: Share | None = Field(None, description="A bigger share without a value is too much.")
    max_change: Share | None = Field(None, description="More than these points above the run before is too much.")
    repair: Repair | None = Field(
        None,
        description="What stands there for segments: `mean` or `median` of the others, `linear` between the person's"
        " events before and after, `{constant: …}`, or what is learnt of other columns, `{knn: {by: […]}}` or"
        " `{iterative: {by: […]}}`.",
    )
    drop_above: Share | None = Field(None, description="From a bigger share on, segments don't see the column at all.")
    severity: Severity = _SEVERITY


class Possible(Closed):
    """What a value can be at all: numbers and money from `at_least` to `at_most`, moments from `not_before` on."""

    at_least: Number | None = Field(None, description="The smallest possible value; money in its unit.")
    at_most: Number | None = Field(None, description="The greatest possible value.")
    not_before: Day | None = Field(None, description="The earliest possible day, such as 1900-01-01.")
    future: bool = Field(True, description="`false`: nothing is later than the run.")
    allowed: Share | None = Field(None, description="A bigger share of impossible values is too much.")
    then: Then = _THEN
    severity: Severity = _SEVERITY

    @property
    def of_time(self) -> bool:
        """Whether it speaks of moments."""
        return self.not_before is not None or not self.future

    @model_validator(mode="after")
    def _of_one_sort(self) -> "Possible":
        numbers = self.at_least is not None or self.at_most is not None
        if numbers == self.of_time:
            raise PydanticCustomError("possible", "must speak of numbers (`at_least`, `at_most`) or of moments")
        if self.of_time and self.then == "clip":
            raise PydanticCustomError("possible", "moments cannot be clipped: use `blank`, `flag` or `quarantine`")
        return self


class Outliers(Closed):
    """Values far from the others, by one of two measures."""

    iqr: Number | None = Field(None, gt=0, description="So many interquartile ranges outside the quartiles: 1.5, 3.")
    z_score: Number | None = Field(None, gt=0, description="So many standard deviations from the mean, such as 3.")
    allowed: Share | None = Field(None, description="A bigger share of outliers is too much.")
    then: Then = _THEN
    severity: Severity = _SEVERITY

    @model_validator(mode="after")
    def _one_measure(self) -> "Outliers":
        if (self.iqr is None) == (self.z_score is None):
            raise PydanticCustomError("outliers", "must have either `iqr` or `z_score`")
        return self


class Drift(Closed):
    """How far the distribution moved since the run before: the population stability index."""

    psi: Number = Field(gt=0, description="More is too much; usual: 0.10 worth a look, 0.25 another population.")
    severity: Severity = _SEVERITY


class ColumnRules(Closed):
    """What is expected of one column, and what is corrected in it."""

    corrections: Corrections | str | None = Field(
        None,
        description="For texts: what was meant by values that are slips, `{Frnace: France}`, or a CSV file of the"
        " workspace with the columns `written` and `meant`. Capitals make no difference.",
    )
    missing: Missing | None = None
    possible: Possible | None = None
    outliers: Outliers | None = None
    drift: Drift | None = None


class TableRules(Closed):
    """What is expected of one table of the lake."""

    rows: Rows | None = None
    identifiers: dict[IdentifierName, Format] = Field(default_factory=dict)
    columns: dict[str, ColumnRules] = Field(default_factory=dict, description="By the source's attributes; `at` too.")


class Duplicates(Closed):
    """People who are probably one, told from names, birthday, contacts and place."""

    threshold: float = Field(0.85, ge=0.5, le=1, description="From this probability on, a no of one is a no of both.")


class QualityFile(Closed):
    """quality.yaml."""

    version: Literal[1]
    tables: dict[str, TableRules] = Field(
        default_factory=dict, description="By source of passerelle.yaml, or `source.resource`."
    )
    duplicates: Duplicates = Field(default_factory=Duplicates)
    email_domains: Domains | str = Field(
        default_factory=dict,
        description="Domains that are slips, `{gmial.com: gmail.com}`, or a CSV file of the workspace with the columns"
        " `written` and `meant`. A no of an address is a no of the one that may be meant; nothing is ever sent to it.",
    )
