"""What an engine can't compute exactly is refused before anything runs, with the condition and the engine in words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines import duck, postgres
from passerelle.segmentation.engines.dialect import Dialect
from passerelle.segmentation.engines.session import Session
from tests.segmentation.world import World, persons, segment


@dataclass(frozen=True)
class Lacking:
    """DuckDB, in a dialect that some words are missing from."""

    dialect: Dialect

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        with duck.DuckDb(threads=1).open(tables, dataset) as session:
            yield Session(session.backend, self.dialect, tables, dataset)

    def check(self) -> str:
        raise NotImplementedError

    def forget(self) -> None:
        raise NotImplementedError


def without(*missing: Portable) -> Lacking:
    words = {word: native for word, native in duck.DIALECT.functions.items() if word not in missing}
    return Lacking(Dialect("Elsewhere", "DuckDBCompiler", words))


@pytest.mark.parametrize(
    ("missing", "condition", "words"),
    [
        (Portable.MATCHES, {"attribute": "loyalty", "contains": "or"}, "`it`: loyalty contains or. Elsewhere"),
        (Portable.EPOCH_US, {"trait": "recency_days", "more_than": 3}, "`it`: recency_days is more than 3. Elsewhere"),
        (Portable.SHA256, {"top": {"n": 1, "by": "revenue_365d", "ties": "hash"}}, "top 1 by revenue_365d. Elsewhere"),
    ],
)
def test_a_refusal_names_the_condition_and_the_engine(
    missing: Portable, condition: dict[str, object], words: str, world: World
) -> None:
    world.people, world.engine = persons(1), without(missing)
    with pytest.raises(DefinitionError, match="Elsewhere") as caught:
        world.run(segment("it", {"all": [{"did": "view"}, {"not": condition}]}))
    assert words in caught.value.message
    assert "duckdb" in caught.value.advice


def test_what_a_missing_word_is_not_needed_for_is_computed(world: World) -> None:
    world.people, world.engine = persons(1, loyalty="or"), without(Portable.MATCHES)
    assert world.members({"attribute": "loyalty", "is": "or"}) == {1}


def test_a_character_that_postgresql_cannot_hold_is_refused(world: World) -> None:
    world.people, world.engine = (
        persons(1),
        Lacking(Dialect("PostgreSQL", "DuckDBCompiler", duck.DIALECT.functions, holds_nul=postgres.DIALECT.holds_nul)),
    )
    with pytest.raises(DefinitionError, match=r"loyalty is a\\0b\. PostgreSQL"):
        world.members({"attribute": "loyalty", "is": "a\x00b"})
