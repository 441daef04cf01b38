"""What docker-compose.yml and the Dockerfile claim: who holds keys, who can reach whom, what is pinned."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from passerelle.workflows.cli.commands import Call, app
from passerelle.workflows.cli.usage import parse
from passerelle.workflows.n8n.catalogue import CATALOGUE
from passerelle.workflows.n8n.options import Options
from passerelle.workflows.n8n.removals import PING_PATH
from passerelle.workflows.n8n.secrets import make
from passerelle.workflows.verbs.registry import verbs
from tests.n8n_setup import N8N_VERSION

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
INSTRUCTIONS = [line.split(" ", 1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


def test_n8n_holds_no_key_of_ours() -> None:
    assert SERVICES["n8n"]["secrets"] == ["n8n.key"]
    assert set(SERVICES["n8n-import"]["secrets"]) == {"n8n.key", "credentials.json"}
    for name in ("n8n", "n8n-import"):
        assert not any("workspace" in volume or "secrets" in volume for volume in SERVICES[name]["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_an_environment(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        secret = re.search(r"password|token|secret|key", key, re.IGNORECASE)
        assert secret is None or value.startswith("/run/secrets/")
    assert "env_file" not in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_gives_up_what_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


def test_what_holds_people_is_read_only_and_not_root() -> None:
    for name in ("runner", "twins"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["user"] == "1000:1000"


def test_only_n8n_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"n8n": ["127.0.0.1:5678:5678"]}


def test_n8n_reaches_the_runner_and_never_the_store() -> None:
    networks = COMPOSE["networks"]
    assert networks["desk"] == networks["store"] == {"internal": True}
    assert set(SERVICES["n8n"]["networks"]) & set(SERVICES["runner"]["networks"]) == {"desk"}
    assert SERVICES["postgres"]["networks"] == ["store"]
    assert "store" not in SERVICES["n8n"]["networks"]
    assert SERVICES["n8n-import"]["network_mode"] == "none"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "passerelle" or re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", image)


def test_n8n_is_the_version_that_the_tests_run() -> None:
    assert SERVICES["n8n"]["image"] == SERVICES["n8n-import"]["image"] == f"docker.n8n.io/n8nio/n8n:{N8N_VERSION}"
    assert "build" not in SERVICES["n8n"]


def test_what_others_wait_for_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    assert "/healthz/readiness" in SERVICES["n8n"]["healthcheck"]["test"][1]
    assert "/healthz" in SERVICES["runner"]["healthcheck"]["test"][3]


def test_excluded_nodes_are_json_since_n8n_takes_anything_else_for_no_exclusion() -> None:
    excluded = json.loads(SERVICES["n8n"]["environment"]["NODES_EXCLUDE"])
    assert {"n8n-nodes-base.executeCommand", "n8n-nodes-base.code"} <= set(excluded)


def test_nothing_of_a_run_is_kept_in_n8n() -> None:
    environment = SERVICES["n8n"]["environment"]
    assert environment["EXECUTIONS_DATA_PRUNE"] == "true"
    assert environment["EXECUTIONS_DATA_SAVE_ON_ERROR"] == environment["EXECUTIONS_DATA_SAVE_ON_SUCCESS"] == "none"


@pytest.mark.parametrize("name", ["runner", "twins"])
def test_every_command_of_our_image_is_one_the_command_line_understands(name: str) -> None:
    call = parse(app(verbs()), [str(word) for word in SERVICES[name]["command"]])
    assert isinstance(call, Call)
    assert call.verb.name == {"runner": "serve", "twins": "twins"}[name]


def test_secrets_are_the_files_that_the_command_makes(tmp_path: Path) -> None:
    made = make(tmp_path / "s", "http://n8n:5678/webhook/x")
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(made.written)
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])


def test_the_runner_is_where_the_workflows_look_for_it_and_the_ping_goes_to_n8n() -> None:
    assert "--port=8080" in SERVICES["runner"]["command"]
    assert Options().runner_url == "http://runner:8080"
    called = parse(app(verbs()), ["workflows", "secrets"])
    assert isinstance(called, Call)
    assert called.verb.request().ping_url == f"http://n8n:5678/webhook/{PING_PATH}"


def test_the_commands_in_the_heading_are_real() -> None:
    heading = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").split("\nname:")[0]
    commands = re.findall(r"^#   passerelle (.*?)(?:   .*)?$", heading, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert isinstance(parse(app(verbs()), shlex.split(command)), Call)


def test_the_import_publishes_every_workflow_the_error_workflow_first() -> None:
    script = (ROOT / "workflows" / "n8n" / "import.sh").read_text(encoding="utf-8")
    found = re.search(r"for id in (.*); do", script)
    assert found
    assert found[1].split() == [identity.id for identity, _ in CATALOGUE]


def test_the_image_is_built_in_stages_from_a_pinned_base() -> None:
    base = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:3\.13\.\d+-slim-[a-z]+", base[1])
    stages = [rest for word, rest in INSTRUCTIONS if word == "FROM"]
    assert stages == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_the_image_does_not_run_as_root() -> None:
    last = [word for word, _ in INSTRUCTIONS].index("USER")
    assert INSTRUCTIONS[last][1] == "1000:1000"
    assert all(word not in {"RUN", "COPY", "ADD"} for word, _ in INSTRUCTIONS[last:])
    assert INSTRUCTIONS[-2] == ["ENTRYPOINT", '["passerelle"]']


def test_every_package_in_the_image_has_its_hash() -> None:
    installs = re.findall(r"pip install (.*?)(?: && |$)", DOCKERFILE, re.MULTILINE)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
    assert "requirements/runtime.txt" in installs[0]
    assert not any(word in DOCKERFILE for word in ("curl ", "wget ", "ADD "))


def test_only_what_the_image_is_built_from_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for word, rest in INSTRUCTIONS
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
