"""`passerelle serve` as a process, on a workspace of its own."""

import base64
import hmac
import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from sqlalchemy import func, select

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store.tables import subject
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.n8n.secrets import make
from passerelle.workflows.verbs.contract import Environment
from passerelle.workflows.verbs.serve import ServeRequest, run
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary, leaks, run_cli, start_cli, stop

ZOE = Canary.make("serve")
KEY = b"what-the-shop-signs-with"
INBOX = """\
  web_hooks:
    kind: webhooks
    signature: {scheme: woocommerce, token_file: secrets/web.secret}
    grain: person
    fields:
      id: {key: true, identifier: external_id}
      email: {identifier: email}
      date_modified_gmt: {cursor: timestamp}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "shop"
    run_cli("init", str(folder), "--people", "30", check=0)
    settings = folder / "passerelle.yaml"
    settings.write_text(settings.read_text().replace("\nsources:\n", f"\nsources:\n{INBOX}", 1))
    (folder / "secrets" / "web.secret").write_bytes(KEY)
    (folder / "secrets" / "web.secret").chmod(0o600)
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


def deliver(address: str, number: int, email: str, key: bytes = KEY) -> httpx.Response:
    """A customer who changed, as WooCommerce sends it."""
    plain = {"id": number, "email": email, "date_modified_gmt": f"2026-11-20T10:00:{number % 60:02d}"}
    body = json.dumps(plain).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    headers["x-wc-webhook-signature"] = base64.b64encode(hmac.digest(key, body, "sha256")).decode()
    return httpx.post(f"{address}/v1/inbox/web_hooks", content=body, headers=headers, timeout=120, trust_env=False)


def subjects(workspace: Path) -> int:
    with Workspace.open(workspace) as opened, opened.store().read() as connection:
        return int(connection.execute(select(func.count()).select_from(subject)).scalar_one())


def test_a_delivery_is_kept_and_nowhere_repeated(workspace: Path, address: str) -> None:
    zoe = Canary.make("delivered")
    before = subjects(workspace)
    answer = deliver(address, 1001, zoe.email)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "done")
    assert subjects(workspace) == before + 1
    assert leaks([zoe], answer.content) == []
    assert deliver(address, 1002, "someone@example.org", b"somebody else's secret").status_code == 401
    assert subjects(workspace) == before + 1
    pulled = json.loads(run_cli("pull", "web_hooks", workspace=workspace, check=0).stdout)
    assert [(one["source"], one["outcome"]) for one in pulled["sources"]] == [("web_hooks", "done")]


def test_what_was_answered_outlives_the_runner(workspace: Path) -> None:
    """Killed at once after the answer: who was sent is there, and the table too, with the next pull."""
    process = start_cli("serve", "--port", "0", "--token-file", "n8n/runner.token", workspace=workspace, cwd=workspace)
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    before = subjects(workspace)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda number: deliver(address, number, "same.address@example.org").status_code, range(2000, 2012))
        )
    process.kill()
    process.communicate()
    assert answers == [200] * 12
    assert subjects(workspace) == before + 1, "one e-mail address, one person"
    run_cli("pull", "web_hooks", workspace=workspace, check=0)
    with Workspace.open(workspace) as opened:
        assert len(opened.lake().keys(everybody(opened), "web_hooks")) >= 12


def test_an_event_that_does_not_fit_is_refused_without_its_values(workspace: Path, address: str) -> None:
    answer = post_consent(workspace, address, "msg_serve_2", {"email": ZOE.email, "purpose": "world_peace"})
    assert (answer.status_code, answer.json()["outcome"]) == (422, "invalid")
    assert leaks([ZOE], answer.content) == []


def everybody(workspace: Workspace) -> pa.Array:
    with workspace.store().read() as connection:
        return pa.array(connection.execute(select(subject.c.subject_id)).scalars().all(), pa.int64())


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
