"""The twins as a process: one line, an orderly end, tomorrow's start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.twins.handle import subprocess_twins
from passerelle.connectors.twins.running import RunningTwins, read_faults
from passerelle.connectors.twins.world import World
from passerelle.privacy.errors import DefinitionError
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import meta, staged


def test_members_are_still_there_tomorrow(tmp_path: Path) -> None:
    state = tmp_path / "twins.json"
    with subprocess_twins("--state", str(state)) as twins:
        stage = staged(meta(twins, tmp_path, []), twins, [], "kept")
        receipt = stage.add(people(3))
    with subprocess_twins("--state", str(state)) as twins:
        later: Meta = meta(twins, tmp_path, [])
        assert twins.count(stage.remote.remote_id) == 3
        assert later.settle(stage.remote, receipt).accepted == 3
    assert state.stat().st_mode & 0o077 == 0


def test_faults_can_be_rehearsed_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "outage.json"
    file.write_text(json.dumps([{"call": "meta.account.get", "graph": {"code": 190}}]))
    with subprocess_twins("--faults", str(file)) as twins:
        states = [check.state for check in meta(twins, tmp_path, []).check()]
    assert "failed" in states


@pytest.mark.parametrize("content", ["{", "[{}]", '[{"call": "x", "drop": true, "shoe": 1}]'])
def test_a_file_of_faults_that_is_none_is_said_so(tmp_path: Path, content: str) -> None:
    file = tmp_path / "outage.json"
    file.write_text(content)
    with pytest.raises(DefinitionError, match=r"outage\.json"):
        read_faults(file)


def test_a_state_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "twins.json"
    file.write_text("{}")
    with pytest.raises(DefinitionError, match=r"twins\.json"):
        World(path=file)


def test_a_port_that_is_taken_is_said_so() -> None:
    with RunningTwins(World()) as first, pytest.raises(DefinitionError, match="taken"):
        RunningTwins(World(), meta_port=int(first.addresses.meta.rpartition(":")[2]))


def test_the_verb_says_where_it_listens_and_ends_in_order(tmp_path: Path) -> None:
    names = ["meta", "data-manager", "google-ads", "data-manager-rest"]
    ports = [part for name in names for part in (f"--{name}-port", "0")]
    command = [sys.executable, "-m", "passerelle.workflows.cli.main", "twins", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told.keys() == {"meta", "data_manager", "google_ads", "data_manager_rest"}
        process.terminate()
        assert process.wait(30) == 0
