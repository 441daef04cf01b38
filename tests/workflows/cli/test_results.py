"""Every verb that works without a platform, on a small shop: one object, its schema, a table, and nobody's data."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import Result
from passerelle.workflows.verbs.failure import Failure
from passerelle.workflows.verbs.registry import verb
from passerelle.workflows.verbs.schema import names, schema_of
from tests.canary import DEADLINE, Canary, Ran, leaks

PEOPLE = [Canary.make(f"shop {number}") for number in range(30)]
HEADER = (
    "customer_id;civilite;prenom;nom;email;mobile;naissance;code_postal;ville;pays;fidelite;ads_consent;"
    "ads_consent_at;ads_notice;newsletter;newsletter_at;updated_at;supprime"
)
PROGRAM = """
import io, json, sys
from passerelle.workflows.cli.main import main
for line in sys.stdin:
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    code = main(json.loads(line))
    sys.stdout.flush(), sys.stderr.flush()
    out, err = (stream.buffer.getvalue().decode("latin-1") for stream in (sys.stdout, sys.stderr))
    sys.stdout, sys.stderr = kept
    print(json.dumps({"code": code, "out": out, "err": err}), flush=True)
"""

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "pull": ("pull",),
    "status": ("status",),
    "plan": ("plan",),
    "doctor": ("doctor", "--local"),
    "segment list": ("segment", "list"),
    "segment preview": ("segment", "preview", "lapsing_champions"),
    "audit verify": ("audit", "verify"),
}


class Line:
    """One process that runs command lines in a workspace, one after the other."""

    def __init__(self, process: "subprocess.Popen[str]", workspace: Path, temp: Path) -> None:
        self._process = process
        self.workspace = workspace
        self.temp = temp

    def run(self, *words: str) -> Ran:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([*words, "--workspace", str(self.workspace)]) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return Ran(said["code"], said["out"].encode("latin-1"), said["err"].encode("latin-1"))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("results")
    (folder / "temp").mkdir()
    scaffold(folder / "shop")
    fill(folder / "shop" / "data")
    environment = {"TMPDIR": str(folder / "temp"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        opened = Line(process, folder / "shop", folder / "temp")
        assert opened.run("pull").code == 0
        yield opened
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=DEADLINE)


def fill(data: Path) -> None:
    """A shop whose people are all canaries."""
    import sqlite3
    from contextlib import closing

    rows = [
        f"{one.external_id};Mme;{one.first_name};{one.last_name};{one.email};{one.phone};1984-03-09;59000;Lille;France;"
        "or;oui;2026-02-03T10:12:00Z;ads-2026@1;oui;2025-11-02;2026-11-01T08:00:00Z;0"
        for one in PEOPLE
    ]
    (data / "contacts.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    with closing(sqlite3.connect(data / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer_id, ordered_at, amount, status)")
        shop.execute("CREATE TABLE web_events (event_id INTEGER PRIMARY KEY, customer_id, at, name, page, amount)")
        orders = [(one.external_id, "2026-10-01T08:00:00Z", "59.90", "payée") for one in PEOPLE for _ in range(3)]
        shop.executemany("INSERT INTO orders (customer_id, ordered_at, amount, status) VALUES (?, ?, ?, ?)", orders)
        web = [(one.external_id, "2026-11-01T08:00:00Z", "view", "/", None) for one in PEOPLE]
        shop.executemany("INSERT INTO web_events (customer_id, at, name, page, amount) VALUES (?, ?, ?, ?, ?)", web)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_verb_prints_one_object_of_its_schema_and_nobody_s_data(line: Line, name: str) -> None:
    ran = line.run(*COMMANDS[name], "-v")

    asked = verb(name)
    assert asked is not None
    model: type[Result] = Failure if "message" in ran.result else asked.result
    model.model_validate_json(ran.stdout, strict=True)
    assert ran.result["exit_code"] == ran.code
    assert required(ran.result, asked.name)
    assert leaks(PEOPLE, ran, line.temp) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_verb_has_a_readable_table(line: Line, name: str) -> None:
    ran = line.run(*COMMANDS[name], "--no-json")

    assert ran.stdout.strip()
    assert not ran.stdout.startswith(b"{")
    assert leaks(PEOPLE, ran) == []


def test_nothing_under_var_shows_a_person(line: Line) -> None:
    assert leaks(PEOPLE, line.workspace / "var", line.temp) == []


def test_runs_of_a_verb_that_changes_something_are_kept(line: Line) -> None:
    line.run("plan", "--report")

    kept = line.run("status").result["runs"]

    assert {run["verb"] for run in kept} == {"pull"}
    assert {run["outcome"] for run in kept} == {"done"}


def required(result: dict[str, Any], name: str) -> bool:
    """Whether the result has every key that its JSON Schema promises, and no other."""
    schema = schema_of("failure" if "message" in result else f"{name.replace(' ', '_')}.result")
    assert schema.get("additionalProperties") is False
    return set(schema.get("required", [])) <= set(result) <= set(schema["properties"])


@pytest.mark.parametrize("name", names())
def test_every_schema_can_be_written(name: str) -> None:
    schema = schema_of(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema)) == schema


def test_no_result_has_a_key_that_n8n_takes_for_a_failure() -> None:
    for name in names():
        assert "error" not in schema_of(name).get("properties", {})
