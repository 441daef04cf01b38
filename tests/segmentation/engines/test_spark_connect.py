"""Spark Connect where it cannot be used: each says what to do, and none says the token."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, PasserelleError, TryLater
from passerelle.segmentation.engines.spark_connect import SparkConnect
from tests.segmentation.engines.servers import spark_connect
from tests.segmentation.world import World, persons

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkConnect]:
    with spark_connect(tmp_path_factory.mktemp("connect")) as engine:
        yield engine


def refused(world: World, engine: SparkConnect) -> PasserelleError:
    world.people, world.engine = persons(1, loyalty="secret"), engine
    with pytest.raises(PasserelleError) as caught:
        world.members({"attribute": "loyalty", "is": "secret"})
    told = repr((caught.value, caught.value.__cause__, caught.value.__context__, engine))
    assert engine.token is None or engine.token not in told
    assert "secret" not in told
    return caught.value


def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path, server: SparkConnect) -> None:
    assert server.check().startswith("Spark 4")
    problem = refused(World(tmp_path), replace(server, token="wrong"))
    assert isinstance(problem, DefinitionError)
    assert "token_file" in problem.advice
    problem = refused(World(tmp_path), SparkConnect("sc://localhost:1"))
    assert isinstance(problem, TryLater)
    assert "remote" in problem.advice


def test_a_lake_that_the_server_does_not_see_is_said(tmp_path: Path, server: SparkConnect) -> None:
    world = World(tmp_path, persons(1), engine=server)
    hidden = world.dataset()
    for table in hidden.tables.values():
        for file in table.files:
            file.unlink()
    world.dataset = lambda: hidden  # type: ignore[method-assign]
    with pytest.raises(DefinitionError, match="does not see the lake's files") as caught:
        world.members({"did": "view"})
    assert "same path" in caught.value.advice
