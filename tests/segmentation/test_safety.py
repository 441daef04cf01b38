import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError
from passerelle.segmentation import Misdefined
from passerelle.segmentation.engines.duck import DuckBackend, DuckDb
from tests.segmentation.world import MODEL, World, event, purchase, segment

HOSTILE = [
    "'; DROP TABLE people; --",
    "' OR 1=1 --",
    '" OR ""="',
    "a\\'b",
    "$$; SELECT 1; $$",
    "é'\n;\t%_",
    "{0} {name} %s ? $1 :x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_only_values(world: World, text: str) -> None:
    world.people = [{"subject_id": 1, "loyalty": text}, {"subject_id": 2, "loyalty": "or"}]
    world.orders = [purchase(1, 1, status=text), purchase(2, 1)]
    assert world.members({"attribute": "loyalty", "is": text}) == {1}
    assert world.members({"attribute": "loyalty", "in": [text]}) == {1}
    assert world.members({"attribute": "loyalty", "contains": text}) == {1}
    assert world.members({"did": "purchase", "where": {"status": {"is": text}}}) == {1}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_event_names_are_only_names(world: World, text: str) -> None:
    world.model = {"tables": {"web": {"from": "web", "grain": "event"}}}
    world.people = [{"subject_id": 1}, {"subject_id": 2}]
    world.web = [event(1, text, 1), event(2, "view", 1)]
    assert world.members({"did": text}) == {1}
    assert world.members({"sequence": {"steps": [{"event": "view"}, {"event": text}]}}) == set()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_columns_traits_and_segments_are_unknown_names(world: World, text: str) -> None:
    for condition in ({"attribute": text, "is": "x"}, {"trait": text, "is": 1}):
        with pytest.raises(Misdefined):
            world.members(condition)
    with pytest.raises(Misdefined):
        world.members({"did": "purchase", "where": {text: {"is": "x"}}})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_salts_are_only_salts(world: World, text: str) -> None:
    world.people = [{"subject_id": index} for index in range(50)]
    it = segment("it", {"attribute": "loyalty", "missing": True}, holdout={"percent": 50, "salt": text})
    found = world.run(it)["it"]
    assert found.size + found.held_out == 50


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text))
def test_any_text_selects_exactly_itself(world: World, text: str) -> None:
    world.people = [{"subject_id": 1, "loyalty": text}, {"subject_id": 2, "loyalty": text + "x"}]
    assert world.members({"attribute": "loyalty", "is": text}) == {1}


def test_the_engine_reads_its_own_files_and_nothing_else(world: World) -> None:
    dataset = world.dataset()
    other = world.folder / "other.csv"
    other.write_text("a\n1\n")
    tables = dict(zip(MODEL["tables"], dataset.tables.values(), strict=True))
    with DuckDb().open(tables, dataset) as session:
        assert isinstance(session.backend, DuckBackend)
        reading = f"SELECT * FROM read_csv('{other}')"  # noqa: S608 - our own path
        for statement in (reading, f"COPY (SELECT 1) TO '{other}'", "SET threads = 4"):
            with pytest.raises(duckdb.Error):
                session.backend.connection.execute(statement)


def test_errors_of_the_engine_show_no_value(world: World) -> None:
    dataset = world.dataset()
    next(iter(dataset.tables["crm"].files)).write_bytes(b"PAR1 secret@example.fr PAR1")
    with pytest.raises(PasserelleError) as caught:
        world_run(world, dataset)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_too_little_memory_says_what_to_change(world: World) -> None:
    world.engine = DuckDb(memory="no memory at all")
    dataset = world.dataset()
    with pytest.raises(DefinitionError, match="memory_limit"):
        world_run(world, dataset)


def test_a_file_that_is_gone_is_an_integrity_problem(world: World) -> None:
    dataset = world.dataset()
    next(iter(dataset.tables["crm"].files)).unlink()
    with pytest.raises(IntegrityError):
        world_run(world, dataset)


def world_run(world: World, dataset: object) -> None:
    from passerelle.segmentation import Dataset, evaluate
    from tests.segmentation.world import T

    assert isinstance(dataset, Dataset)
    it = segment("it", {"attribute": "loyalty", "is": "or"})
    evaluate(["it"], model=world.modelled(), segments={"it": it}, dataset=dataset, as_of=T)
