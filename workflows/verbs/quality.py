"""`quality`: what was found in the data that was pulled, which people are probably one, and how well that is told."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

_THRESHOLDS = (0.5, 0.7, 0.85, 0.95, 0.99)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


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


class Benchmarked(_Part):
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
        name="quality benchmark",
        help="How well duplicates are found in a labelled file: precision, recall, F1. Needs no workspace.",
        request=BenchmarkRequest,
        result=BenchmarkResult,
        run=run_benchmark,
        render=render_benchmark,
    ),
]
