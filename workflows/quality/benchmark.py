"""How well the fuzzy step finds duplicates in a labelled file: precision, recall and F1 over pairs of records."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from passerelle.privacy.duplicates import columns_of, find
from passerelle.privacy.errors import DefinitionError

Engine = Literal["builtin", "splink"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Records as text, and whose each is."""

    table: pa.Table
    owner: Ints

    @property
    def true_pairs(self) -> int:
        """Pairs of records of one person."""
        _, sizes = np.unique(self.owner, return_counts=True)
        return int((sizes * (sizes - 1) // 2).sum())


@dataclass(frozen=True, slots=True)
class Score:
    """Pairs at or above `threshold`: how many, and how many of them are right."""

    threshold: float
    pairs: int
    right: int
    true_pairs: int

    @property
    def precision(self) -> float:
        """Right pairs of those found; 1 where none was."""
        return self.right / self.pairs if self.pairs else 1.0

    @property
    def recall(self) -> float:
        """Right pairs of those there are; 1 where there are none."""
        return self.right / self.true_pairs if self.true_pairs else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def read_labelled(path: Path, *, truth: str, pattern: str, without: Sequence[str]) -> Labelled:
    """A CSV or Parquet file, all of it as text; spaces around names and values are dropped.

    Records are one person's whose values in the column `truth` are equal, or whose first group of `pattern` in them is.
    Columns in `without` are not looked at, nor is `truth`.
    """
    table = _read(path)
    for option, names in (("--truth", [truth]), ("--without", without)):
        if not set(names) <= set(table.column_names):  # neither is quoted: a file without a head has people there
            raise DefinitionError(
                f"{option} names a column that the file does not have.",
                advice="Write it as the first line of the file does.",
            )
    labels = table[truth].combine_chunks()
    if pattern:
        try:
            form = re.compile(pattern)
        except re.error:
            raise DefinitionError("--pattern is not a regular expression.") from None
        if form.groups < 1:
            raise DefinitionError("--pattern has no group.", advice=r"For example: --pattern '^rec-(\d+)-'.")
        found = (form.search(label or "") for label in labels.to_pylist())
        labels = pa.array([None if one is None else one.group(1) for one in found], pa.string())
    if labels.null_count:
        raise DefinitionError(
            f"{labels.null_count} records have no label.", advice="Every record needs one; see --pattern."
        )
    encoded = pc.dictionary_encode(labels)
    kept = [name for name in table.column_names if name != truth and name not in without]
    return Labelled(table.select(kept), np.asarray(encoded.indices.to_numpy(), np.int64))


def compare(data: Labelled, engine: Engine, thresholds: Sequence[float]) -> tuple[list[Score], int | None]:
    """A score for each threshold, and how many pairs were compared, where the engine tells."""
    compared: int | None
    if engine == "splink":
        from passerelle.workflows.quality.splinking import probable_pairs

        left, right, probability = probable_pairs(data.table)
        compared = None
    else:
        found = find(data.table, columns_of(data.table, data.table.column_names))
        left, right, probability, compared = found.left, found.right, found.probability, found.candidates
    same = data.owner[left] == data.owner[right]
    scores = []
    for threshold in thresholds:
        there = probability >= threshold
        scores.append(Score(threshold, int(there.sum()), int(same[there].sum()), data.true_pairs))
    return scores, compared


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
        else:
            with pyarrow.csv.open_csv(path) as head:
                names = head.schema.names
            options = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            )
            table = pyarrow.csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as problem:
        raise DefinitionError(f"The file cannot be read ({type(problem).__name__}).") from None
    columns = [pc.utf8_trim_whitespace(table.column(place).cast(pa.string())) for place in range(table.num_columns)]
    blank = [pc.if_else(pc.equal(column, ""), None, column) for column in columns]
    return pa.table(dict(zip([name.strip() for name in table.column_names], blank, strict=True)))
