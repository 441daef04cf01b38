"""`init` makes a workspace that runs, and nothing that anybody else can read."""

import stat
from pathlib import Path

import pytest
import yaml

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.keys import Keyring, KeySettings
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings.schemas import FILES
from passerelle.workflows.verbs import init
from passerelle.workflows.verbs.init import InitRequest
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import surroundings


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "shop"
    init.run(surroundings(folder), InitRequest(folder=folder, people=60))
    return folder


def test_the_example_loads_without_a_complaint(shop: Path) -> None:
    with Workspace.open(shop) as workspace:
        assert set(workspace.sources) == {"crm", "orders", "web"}
        assert set(workspace.destinations) == {"meta", "google"}
        assert set(workspace.audiences) == {"lapsing_champions", "cart_abandoners", "newsletter_readers"}
        assert set(workspace.segments) >= set(workspace.audiences)


def test_an_empty_workspace_loads_without_a_complaint(tmp_path: Path) -> None:
    scaffold(tmp_path / "new", empty=True)

    with Workspace.open(tmp_path / "new") as workspace:
        assert workspace.sources == {}
        assert workspace.audiences == {}


def test_the_sample_shop_stands_in_data(shop: Path) -> None:
    assert (shop / "data" / "contacts.csv").read_text(encoding="utf-8").count("\n") >= 60
    assert (shop / "data" / "shop.db").stat().st_size > 0


def test_the_key_can_be_read_by_its_owner_alone_and_by_nobody_changed(shop: Path) -> None:
    key = shop / "keys" / "master.key"

    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert Keyring.load(KeySettings(file=key)).key_id


def test_folders_of_keys_secrets_and_data_are_closed_to_others(shop: Path) -> None:
    for name in ("keys", "secrets", "var", "data"):
        assert stat.S_IMODE((shop / name).stat().st_mode) == 0o700
    assert stat.S_IMODE((shop / "secrets" / "meta.token").stat().st_mode) == 0o600


def test_what_must_not_be_shared_is_kept_out_of_git(shop: Path) -> None:
    ignored = (shop / ".gitignore").read_text().splitlines()

    assert {"keys/", "secrets/", "var/", "data/"} <= set(ignored)


def test_each_file_names_a_schema_that_is_there(shop: Path) -> None:
    files = list(shop.rglob("*.yaml"))
    assert len(files) >= 10
    for path in files:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first.partition("=")[2]).resolve().is_file()
    assert {path.stem for path in (shop / ".schemas").iterdir()} == set(FILES)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(DefinitionError, match="not empty"):
        init.run(surroundings(tmp_path), InitRequest(folder=tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_no_place_for_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DefinitionError, match="a file, not a folder"):
        scaffold(tmp_path / "file")


def test_two_workspaces_have_two_keys(tmp_path: Path) -> None:
    for name in ("a", "b"):
        scaffold(tmp_path / name, empty=True)

    keys = [Keyring.load(KeySettings(file=tmp_path / name / "keys" / "master.key")).key_id for name in ("a", "b")]
    assert keys[0] != keys[1]


def test_the_next_commands_are_named_the_twins_first(shop: Path) -> None:
    result = init.run(surroundings(shop), InitRequest(folder=shop.parent / "with space", people=5))

    assert "passerelle twins" in result.next[0]
    assert result.next[0].startswith(f"cd '{shop.parent}/with space'")


def test_any_yaml_reader_understands_the_files_the_same_way(shop: Path) -> None:
    """Nothing in a template means one thing to us and another to an editor that reads YAML 1.1."""
    with Workspace.open(shop) as workspace:
        documents = workspace.loaded.documents
    for shown, document in documents.items():
        read = yaml.safe_load((shop / shown).read_text(encoding="utf-8"))
        assert _texts(read) == _texts(document.data), shown


def _texts(value: object) -> object:
    """Dates as text: the one place where editors' YAML is more eager than ours."""
    if isinstance(value, dict):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if isinstance(value, bool | int | float | None) else str(value)
