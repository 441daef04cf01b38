"""Duplicates by splink (extra `dedupe`): for large or hard cases, and to compare the built-in step with."""

import warnings
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.duplicates import Column, Kind, columns_of
from passerelle.privacy.errors import DefinitionError

_PER_RECORD = 60
_LEAST = 0.01
Ints = npt.NDArray[np.int64]


def probable_pairs(table: pa.Table) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Row numbers of pairs and their probabilities. Raises `DefinitionError` where splink is missing."""
    try:
        import splink  # noqa: F401 - is it there?
    except ImportError:
        raise DefinitionError("splink is not installed.", advice="Install `passerelle[dedupe]`.") from None
    failed = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _predicted(table, columns_of(table, table.column_names))
        except duckdb.Error as problem:  # its message may quote a value
            failed = type(problem).__name__
    if failed:
        raise DefinitionError(f"splink could not compare these records ({failed}).", advice="Use the built-in engine.")
    left, right = (np.asarray(found[f"row_{side}"].to_numpy(), np.int64) for side in "lr")
    return left, right, np.asarray(found["match_probability"].to_numpy(), np.float64)


def _predicted(table: pa.Table, columns: tuple[Column, ...]) -> pa.Table:
    import splink.comparison_library as comparisons
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    renamed = table.select([column.name for column in columns]).rename_columns([f"c{n}" for n in range(len(columns))])
    renamed = renamed.append_column("row", pa.array(np.arange(len(table))))
    rules: list[Any] = [block_on(*names) for names in _rules(renamed)]
    made: list[Any] = [
        comparisons.DamerauLevenshteinAtThresholds(f"c{place}", [1, 2])
        if column.kind is Kind.CODE
        else comparisons.JaroWinklerAtThresholds(f"c{place}", [0.92, 0.8])
        for place, column in enumerate(columns)
    ]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="row",
        comparisons=made,
        blocking_rules_to_generate_predictions=rules,
        retain_matching_columns=False,
    )
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET temp_directory = ''")
        linker = Linker(DuckDBAPI(connection).register(renamed), settings, log_level="ERROR")
        linker.training.estimate_probability_two_random_records_match(rules[:2], recall=0.6)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in rules[:3]:
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        found = linker.inference.predict(threshold_match_probability=_LEAST)
        return found.as_pyarrow_table().select(["row_l", "row_r", "match_probability"])  # type: ignore[no-untyped-call]


def _rules(table: pa.Table) -> list[tuple[str, ...]]:
    """Columns, alone or by two, that few enough records share; those of the fewest pairs first."""
    names = [name for name in table.column_names if name != "row"]
    most = _PER_RECORD * len(table) + 1
    alone = {name: _pairs(table, (name,)) for name in names}
    chosen: dict[tuple[str, ...], int] = {(name,): pairs for name, pairs in alone.items() if pairs <= most}
    rest = [name for name in names if (name,) not in chosen]
    chosen |= {two: pairs for two in combinations(rest, 2) if (pairs := _pairs(table, two)) <= most}
    return sorted(chosen, key=lambda each: (chosen[each], each))


def _pairs(table: pa.Table, names: tuple[str, ...]) -> int:
    there = pc.is_valid(table[names[0]])
    for name in names[1:]:
        there = pc.and_(there, pc.is_valid(table[name]))
    sizes = table.filter(there).group_by(list(names)).aggregate([([], "count_all")])["count_all"]
    return pc.sum(pc.divide(pc.multiply(sizes, pc.subtract(sizes, 1)), 2)).as_py() or 0
