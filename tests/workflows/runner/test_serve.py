"""`passerelle serve` as a process, on a workspace of its own."""

import base64
import hmac
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.n8n.secrets import make
from passerelle.workflows.verbs.contract import Environment
from passerelle.workflows.verbs.serve import ServeRequest, run
from tests.canary import Canary, leaks, run_cli, start_cli, stop

ZOE = Canary.make("serve")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "shop"
    run_cli("init", str(folder), "--people", "30", check=0)
    make(folder / "n8n", "http://127.0.0.1:9/webhook")
    return folder


@pytest.fixture(scope="module")
def address(workspace: Path) -> Iterator[str]:
    secrets = workspace / "n8n"
    words = ["serve", "--port", "0", "--token-file", str(secrets / "runner.token")]
    words += ["--consent-key-file", str(secrets / "consent.key"), "--ping-file", str(secrets / "ping.json")]
    process = start_cli(*words, workspace=workspace)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["address"]
    ran = stop(process)
    assert ran.code == 0, ran.stderr.decode()
    assert leaks([ZOE], ran) == []
    assert (secrets / "runner.token").read_bytes() not in ran.stdout + ran.stderr


def test_a_verb_runs_and_its_result_comes_back(workspace: Path, address: str) -> None:
    token = (workspace / "n8n" / "runner.token").read_text()
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{address}/v1/status", json={"offline": True}, headers=headers, timeout=120, trust_env=False)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "done")


def post_consent(workspace: Path, address: str, name: str, event: dict[str, str]) -> httpx.Response:
    body = json.dumps({"events": [event]}).encode()
    stamp = str(int(time.time()))
    key = (workspace / "n8n" / "consent.key").read_bytes()
    signature = base64.b64encode(hmac.digest(key, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    headers["content-type"] = "application/json"
    return httpx.post(f"{address}/v1/consent", content=body, headers=headers, timeout=120, trust_env=False)


def test_a_signed_consent_is_recorded_and_nowhere_repeated(workspace: Path, address: str) -> None:
    event = {"email": ZOE.email, "purpose": "ad_list_matching", "state": "withdrawn", "source": "website"}
    event |= {"at": "2026-01-02T03:04:05Z", "method": "web_form"}
    first = post_consent(workspace, address, "msg_serve_1", event)
    assert (first.status_code, first.json()["new"], first.json()["withdrawals"]) == (200, 1, 1)
    assert post_consent(workspace, address, "msg_serve_1", event).json() == first.json()
    assert leaks([ZOE], first.content) == []


def test_an_event_that_does_not_fit_is_refused_without_its_values(workspace: Path, address: str) -> None:
    answer = post_consent(workspace, address, "msg_serve_2", {"email": ZOE.email, "purpose": "world_peace"})
    assert (answer.status_code, answer.json()["outcome"]) == (422, "invalid")
    assert leaks([ZOE], answer.content) == []


def serve(workspace: Path, request: ServeRequest) -> None:
    """The verb in this process; here it is always refused before it listens."""
    nothing = io.BytesIO()
    run(Environment(workspace, lambda: 0, nothing, nothing, Silent()), request)


@pytest.mark.parametrize("missing", ["token_file", "consent_key_file", "ping_file"])
def test_a_file_that_is_missing_keeps_it_from_starting(workspace: Path, missing: str) -> None:
    secrets = workspace / "n8n"
    files = {"token_file": "runner.token", "consent_key_file": "consent.key", "ping_file": "ping.json"}
    given = {name: secrets / file for name, file in (files | {missing: "nowhere"}).items()}
    with pytest.raises(DefinitionError, match="cannot be read"):
        serve(workspace, ServeRequest.model_validate({"port": 0, **given}))


def test_a_folder_that_is_no_workspace_is_not_served(tmp_path: Path) -> None:
    make(tmp_path / "s", "http://127.0.0.1:9/webhook")
    with pytest.raises(DefinitionError):
        serve(tmp_path, ServeRequest(port=0, token_file=tmp_path / "s" / "runner.token"))
