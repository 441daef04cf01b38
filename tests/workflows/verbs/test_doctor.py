"""`doctor` finds what is wrong, says what to do, and changes nothing."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from passerelle.privacy.keys import Keyring
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs import doctor
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.doctor import DoctorRequest, DoctorResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW, surroundings

CRM = "{kind: files, path: data/*.csv, grain: person, fields: {id: {key: true, identifier: external_id}}}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "new"
    scaffold(folder, empty=True)
    with Workspace.open(folder) as workspace, workspace.store().write() as connection:
        workspace.log().append(connection, "operator", {"did": "try"}, now=NOW)
        workspace.log().checkpoint(connection, now=NOW)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "new"))


def examined(folder: Path, *, now: int = NOW) -> DoctorResult:
    return doctor.run(surroundings(folder, now=now), DoctorRequest(local=True))


def found(result: DoctorResult, area: str) -> list[tuple[str, str]]:
    return [(line.name, line.state) for line in result.checks if line.area == area]


def test_a_sound_workspace_is_in_order(folder: Path) -> None:
    result = examined(folder)

    assert result.outcome is Outcome.DONE
    assert {line.state for line in result.checks} == {"ok"}
    assert found(result, "log") == [("log", "ok")]


def test_a_wrong_file_is_named_with_its_line(folder: Path) -> None:
    (folder / "audiences").mkdir()
    (folder / "audiences" / "a.yaml").write_text("audience: a\nsegmnet: b\n")

    result = examined(folder)

    assert result.outcome is Outcome.HELD_BACK
    assert ("audiences/a.yaml:2", "failed") in found(result, "settings")


def test_a_key_that_others_can_read_is_found(folder: Path) -> None:
    (folder / "keys" / "master.key").chmod(0o444)

    result = examined(folder)

    assert result.outcome is Outcome.HELD_BACK
    [line] = [line for line in result.checks if line.area == "files"]
    assert line.name == "keys/master.key"
    assert line.advice.startswith("Run: chmod 600 ")


def test_another_key_is_an_integrity_failure_and_hides_nothing_before_it(folder: Path) -> None:
    (folder / "keys" / "master.key").unlink()
    Keyring.create(folder / "keys" / "master.key")

    result = examined(folder)

    assert result.outcome is Outcome.INTEGRITY_FAILURE
    assert result.checks[0].state == "integrity"
    assert found(result, "settings") == [("files", "ok")]


def test_an_entry_of_the_log_that_was_changed_is_an_integrity_failure(folder: Path) -> None:
    from passerelle.privacy.store.tables import log_checkpoint

    with Workspace.open(folder) as workspace, workspace.store().write() as connection:
        connection.execute(log_checkpoint.update().values(root=b"\0" * 32))

    assert examined(folder).outcome is Outcome.INTEGRITY_FAILURE


def test_a_clock_that_runs_behind_the_log_is_found(folder: Path) -> None:
    result = examined(folder, now=NOW - 3600 * 1_000_000)

    assert ("clock", "failed") in found(result, "log")


def test_a_source_of_consent_that_was_never_pulled_is_found(folder: Path) -> None:
    for file, old, new in (
        ("policy.yaml", "freshness: {}", "freshness: {crm: 24h}"),
        (
            "passerelle.yaml",
            "sources: {}",
            f"sources:\n  crm: {CRM}",
        ),
    ):
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    result = examined(folder)

    assert found(result, "consent") == [("crm", "failed")]
    assert result.outcome is Outcome.HELD_BACK


@pytest.mark.parametrize(
    ("of", "fields", "state", "said"),
    [
        ("crm", "{tombstone: true}", "ok", "It tells which of crm are gone."),
        ("crm", "{attribute: boolean}", "failed", "crm cannot be told by left that records are gone."),
        ("crm.contacts", "{tombstone: true}", "failed", "left tells of crm.contacts, which is no table of any source."),
    ],
)
def test_a_source_of_deletions_must_tell_of_a_table_whose_records_can_be_gone(
    folder: Path, of: str, fields: str, state: str, said: str
) -> None:
    crm = f"{CRM[:-2]}, gone: {fields}}}}}"
    signature = "{scheme: shopify, token_file: secrets/shop}"
    left = f"{{kind: webhook_deletions, signature: {signature}, of: {of}, key: id}}"
    path = folder / "passerelle.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("sources: {}", f"sources:\n  crm: {crm}\n  left: {left}"), encoding="utf-8")

    lines = [line for line in examined(folder).checks if line.area == "source"]

    assert [(line.name, line.state, line.message) for line in lines] == [("left", state, said)]


def test_crash_reports_are_counted(folder: Path) -> None:
    (folder / "var" / "crash-1.txt").write_text("")

    result = examined(folder)

    assert found(result, "runs") == [("crash reports", "warning")]
    assert result.outcome is Outcome.DONE


def test_nothing_is_changed(folder: Path) -> None:
    examined(folder)  # opens the store once, so that SQLite's own files are settled
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    examined(folder)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_table_shows_the_worst_first_and_what_to_do(folder: Path) -> None:
    (folder / "keys" / "master.key").chmod(0o444)
    shown = io.StringIO()

    doctor.render(examined(folder), Console(file=shown, width=200))

    assert "keys/master.key" in shown.getvalue().splitlines()[1]
    assert shown.getvalue().splitlines()[1].startswith("failed")
