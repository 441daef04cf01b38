"""Snapshots of one engine, replayed and compared by another."""

import shutil
from pathlib import Path

import pytest

from passerelle.workflows.verbs.versions import DiffResult, ReplayResult
from tests.once import once
from tests.segmentation.engines.servers import fresh_postgres
from tests.workflows.snapshots.test_versions import DAY, NAME, edit, kept, taken
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask


@pytest.mark.postgres
def test_a_snapshot_of_duckdb_is_the_same_to_the_byte_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(once(tmp_path_factory, "kept-shop", kept), tmp_path / "ws"))
    taken(folder, NOW - DAY)
    edit(folder / "passerelle.yaml", "{kind: duckdb, memory: 2GB}", "{kind: postgres, url_file: secrets/engine.url}")
    for server in fresh_postgres():
        (folder / "secrets/engine.url").write_text(server.url)
        (folder / "secrets/engine.url").chmod(0o600)
        replayed = ask(folder, "segment replay", name=NAME)
        assert isinstance(replayed, ReplayResult)
        assert (replayed.same, replayed.digest_now) == (True, replayed.digest_then)
        assert replayed.size_now > 0
        again = taken(folder)
        different = ask(folder, "segment diff", name=NAME, now=NOW)
        assert isinstance(different, DiffResult)
        assert again.exit_code == different.exit_code == 0
