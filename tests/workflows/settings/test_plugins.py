"""A source or destination that a package of its own brings is found by its entry point."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings import plugins
from passerelle.workflows.settings.load import load
from passerelle.workflows.settings.schemas import FILES, file_schema
from passerelle.workflows.settings.unusable import Unusable

MODULE = """
from typing import Literal
from pydantic import BaseModel, ConfigDict

class Carrier:
    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        kind: Literal["carrier_pigeon"]
        loft: str

    def __init__(self, name, settings, *, folder):
        self.name = name

class NoSettings:
    pass
"""
ENTRY_POINTS = """
[passerelle.destinations]
carrier_pigeon = pigeons:Carrier
broken_wing = pigeons_gone:Carrier
bare = pigeons:NoSettings
"""


@pytest.fixture
def pigeons(tmp_path: Path) -> Iterator[None]:
    """A package on the path, as pip would install it."""
    site = tmp_path / "site"
    info = site / "pigeons-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "pigeons.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
    sys.modules.pop("pigeons", None)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    scaffold(tmp_path / "new", empty=True)
    return tmp_path / "new"


def use(workspace: Path, text: str) -> None:
    file = workspace / "passerelle.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("destinations: {}", f"destinations:\n  loft: {text}"))


@pytest.mark.usefixtures("pigeons")
def test_a_destination_of_another_package_is_used_like_ours(workspace: Path) -> None:
    use(workspace, "{kind: carrier_pigeon, loft: Lille}")

    plugged = load(workspace).destinations["loft"]

    assert plugged.kind == "carrier_pigeon"
    assert plugged.settings.loft == "Lille"
    assert plugged.cls("loft", plugged.settings, folder=workspace).name == "loft"


@pytest.mark.usefixtures("pigeons")
def test_its_settings_are_checked_like_ours(workspace: Path) -> None:
    use(workspace, "{kind: carrier_pigeon, lfot: Lille}")

    with pytest.raises(Unusable) as caught:
        load(workspace)

    said = [problem.message for problem in caught.value.problems]
    assert any("Did you mean `loft`?" in message for message in said)


@pytest.mark.usefixtures("pigeons")
def test_its_settings_are_in_the_schema_for_editors() -> None:
    assert "destinations.carrier_pigeon" in file_schema("project")["$defs"]


@pytest.mark.usefixtures("pigeons")
@pytest.mark.parametrize(("kind", "said"), [("broken_wing", "cannot be loaded"), ("bare", "has no settings model")])
def test_a_kind_that_is_broken_says_so(kind: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        plugins.load("passerelle.destinations", kind)


def test_ours_are_found() -> None:
    assert set(plugins.kinds("passerelle.sources")) >= {"files", "sql"}
    assert set(plugins.kinds("passerelle.destinations")) >= {"google_ads", "meta"}


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_a_schema_whose_references_lead_somewhere(name: str) -> None:
    schema = file_schema(name)
    found: list[str] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                found.append(part["$ref"])
            for item in part.values():
                walk(item)
        elif isinstance(part, list):
            for item in part:
                walk(item)

    walk(schema)
    assert all(reference.removeprefix("#/$defs/") in schema["$defs"] for reference in found)
