"""`quality duplicates` and `benchmark`: which people are probably one, and how well that is told."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

_THRESHOLDS = (0.5, 0.7, 0.85, 0.95, 0.99)
_DOUBTFUL = 0.5


# --- duplicates
class DuplicatesRequest(Request):
    """Whether pairs are kept, and where pairs to judge are written."""

    keep: bool = Field(
        False, description="Keep the pairs: from then on a no of one is a no of both, until judged otherwise."
    )
    review: Path | None = Field(None, description="New file of pairs to judge: levels of agreement, no identifier.")
    per_stratum: int = Field(40, ge=1, le=10_000, description="How many pairs of each stratum of probability.")


class DuplicatesResult(Result):
    """People who are probably one."""

    people: int = 0
    compared: int = Field(0, description="Pairs that were compared, of all there are.")
    columns: list[str] = Field(default_factory=list, description="What they were compared by.")
    threshold: float = 0.0
    pairs: int = Field(0, description="Pairs that are one person with at least that probability.")
    doubtful: int = Field(0, description="Pairs below it that are so with a probability of 0.5 or more.")
    kept: int = Field(0, description="Pairs that a no of one is now a no of both for.")
    judged: int = Field(0, description="Pairs among these that somebody judged already: their judgement counts.")
    to_judge: int = Field(0, description="Lines in the review file.")


def run_duplicates(environment: Environment, request: DuplicatesRequest) -> DuplicatesResult:
    """Compare identifiers in memory; keep pairs of numbers, where asked."""
    from passerelle.privacy.duplicates import THRESHOLD
    from passerelle.workflows.quality.people import keep_ties, probable_people
    from passerelle.workflows.quality.review import write_review
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Comparing people"):
        wanted = workspace.quality
        threshold = wanted.duplicates.threshold if wanted is not None else THRESHOLD
        probable = probable_people(workspace)
        probability = probable.found.probability
        lines = 0
        if request.review is not None:
            lines = write_review(probable, request.review, per_stratum=request.per_stratum)
        kept = keep_ties(workspace, probable, threshold=threshold, now=environment.now()) if request.keep else 0
    return DuplicatesResult(
        people=probable.people,
        compared=probable.found.candidates,
        columns=[column.name for column in probable.found.columns],
        threshold=threshold,
        pairs=int((probability >= threshold).sum()),
        doubtful=int(((probability >= _DOUBTFUL) & (probability < threshold)).sum()),
        kept=kept,
        judged=int(probable.judged.sum()),
        to_judge=lines,
    )


def render_duplicates(result: DuplicatesResult, console: "Console") -> None:
    """A few sentences."""
    console.print(f"{result.pairs:,} pairs of {result.people:,} people are probably one person each.", markup=False)
    console.print(f"{result.doubtful:,} more pairs are doubtful; {result.compared:,} were compared.", markup=False)
    if result.kept:
        console.print(f"{result.kept:,} pairs kept: a no of one is a no of both.", markup=False)
    if result.to_judge:
        console.print(f"{result.to_judge:,} pairs to judge: write `same` or `different` as their label.", markup=False)


# --- benchmark
class BenchmarkRequest(Request):
    """A labelled file, and how its labels are read."""

    file: Path = Field(
        description="CSV or Parquet: one record a line, one column a field.", json_schema_extra={"cli": "argument"}
    )
    truth: str = Field(description="The column that says whose record it is.")
    pattern: str = Field("", description="Regular expression whose first group, found in that column, is the person.")
    without: list[str] = Field(
        default_factory=list,
        description="Columns to leave out, such as a number of the record.",
        json_schema_extra={"cli": "option"},
    )
    engine: Literal["builtin", "splink"] = Field("builtin", description="splink needs the extra `dedupe`.")


class Benchmarked(Part):
    """Pairs found at one threshold."""

    threshold: float
    pairs: int = Field(description="Pairs that were found.")
    right: int = Field(description="Of them, those of one person.")
    precision: float
    recall: float
    f1: float


class BenchmarkResult(Result):
    """How well duplicates are found in this file."""

    engine: str = "builtin"
    records: int = 0
    true_pairs: int = Field(0, description="Pairs of records of one person that there are.")
    compared: int | None = Field(None, description="Pairs that were compared, of all there are; splink does not tell.")
    columns: dict[str, str] = Field(default_factory=dict, description="What each column was taken for.")
    scores: list[Benchmarked] = Field(default_factory=list)


def run_benchmark(environment: Environment, request: BenchmarkRequest) -> BenchmarkResult:
    """Needs no workspace; nothing of the file is shown or kept."""
    from passerelle.privacy.duplicates import columns_of
    from passerelle.workflows.quality.benchmark import compare, read_labelled

    data = read_labelled(request.file, truth=request.truth, pattern=request.pattern, without=request.without)
    with environment.progress.step("Comparing records"):
        scores, compared = compare(data, request.engine, _THRESHOLDS)
    return BenchmarkResult(
        engine=request.engine,
        records=len(data.table),
        true_pairs=data.true_pairs,
        compared=compared,
        columns={each.name: each.kind.value for each in columns_of(data.table, data.table.column_names)},
        scores=[
            Benchmarked(
                threshold=one.threshold,
                pairs=one.pairs,
                right=one.right,
                precision=round(one.precision, 4),
                recall=round(one.recall, 4),
                f1=round(one.f1, 4),
            )
            for one in scores
        ],
    )


def render_benchmark(result: BenchmarkResult, console: "Console") -> None:
    """A line for each threshold."""
    from passerelle.workflows.verbs.tables import number, table

    compared = "" if result.compared is None else f", {result.compared:,} compared"
    said = f"{result.engine}: {result.records:,} records, {result.true_pairs:,} true pairs{compared}."
    console.print(said, markup=False)
    lines = table("Duplicates", ("From",), ("Pairs", "Right", "Precision", "Recall", "F1"))
    for one in result.scores:
        figures = (f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}")
        lines.add_row(f"{one.threshold:.2f}", number(one.pairs), number(one.right), *figures)
    console.print(lines, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="quality duplicates",
        help="Find people who are probably one. Kept, such a pair takes people out; it never puts anybody in.",
        request=DuplicatesRequest,
        result=DuplicatesResult,
        run=run_duplicates,
        render=render_duplicates,
        recorded=True,
    ),
    Verb(
        name="quality benchmark",
        help="How well duplicates are found in a labelled file: precision, recall, F1. Needs no workspace.",
        request=BenchmarkRequest,
        result=BenchmarkResult,
        run=run_benchmark,
        render=render_benchmark,
    ),
]
