"""The exported workflows are what this code builds, and ask only for what the verbs take."""

import io
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.n8n.catalogue import CATALOGUE, build
from passerelle.workflows.n8n.export import as_text
from passerelle.workflows.n8n.nodes.node import JsonObject
from passerelle.workflows.n8n.options import DEMO_AUDIENCES, Options, Pace, Via
from passerelle.workflows.runner.allowed import FIELDS, routes
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import Environment
from passerelle.workflows.verbs.registry import verb, verbs
from tests.canary import run_cli

EXPORTED = Path(__file__).parents[3] / "workflows" / "n8n" / "exported"
WAYS: tuple[Via, ...] = ("command", "http")


@pytest.mark.parametrize("via", WAYS)
def test_the_kept_files_are_what_the_code_builds(via: Via) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (EXPORTED / via).iterdir()}
    built = {name: as_text(workflow) for name, workflow in build(Options(via=via)).items()}
    assert kept == built, f"run: passerelle workflows export --via {via} --out workflows/n8n/exported/{via}"


def test_ids_have_sixteen_characters_and_are_all_different() -> None:
    ids = [identity.id for identity, _ in CATALOGUE]
    assert all(re.fullmatch(r"[A-Za-z0-9]{16}", each) for each in ids)
    assert len(set(ids)) == len(ids)


def _calls(via: Via) -> list[tuple[str, str]]:
    """Verb and JavaScript request of every call in every workflow."""
    calls = []
    for workflow in build(Options(via=via)).values():
        for node in _nodes(workflow):
            parameters = node["parameters"]
            if node["type"].endswith("executeCommand"):
                found = re.match(
                    r"=passerelle (.*) --workspace \S+ --report .*stringify\((.*)\)\.b", parameters["command"]
                )
                assert found
                calls.append((found[1], found[2]))
            elif node["type"].endswith("httpRequest"):
                path = parameters["url"].removeprefix("http://runner:8080/v1/")
                found = re.match(r"=\{\{ JSON\.stringify\((.*)\) \}\}", parameters["jsonBody"])
                assert found
                calls.append((path.replace("/", " "), found[1]))
    return calls


def _nodes(workflow: JsonObject) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", workflow["nodes"])


def test_both_ways_make_the_same_calls() -> None:
    assert _calls("command") == _calls("http")
    assert len(_calls("http")) == 10


@pytest.mark.parametrize(("name", "request_code"), sorted(set(_calls("http"))))
def test_every_call_fits_its_verb_and_the_runner_takes_it(name: str, request_code: str) -> None:
    called = verb(name)
    if called is None:
        pytest.skip(f"the verb {name} is not there yet")
    fields = set(re.findall(r"[{,] (\w+):", request_code))
    assert fields <= set(called.request.model_fields)
    assert fields <= FIELDS[name]
    assert f"/v1/{name.replace(' ', '/')}" in routes(verbs())


def test_nothing_of_a_run_is_kept() -> None:
    for workflow in build(Options()).values():
        settings = workflow["settings"]
        assert isinstance(settings, dict)
        assert settings["saveDataSuccessExecution"] == settings["saveDataErrorExecution"] == "none"


def test_a_path_or_an_address_that_could_be_an_expression_is_refused() -> None:
    for wrong in ("={{ 1 }}", "/a/{{ b }}", "/a\n/b"):
        with pytest.raises(ValueError, match="plain text"):
            Options(workspace=wrong)


def test_audiences_that_are_no_names_are_refused() -> None:
    for wrong in ((), ("Vip",), ("a b",), ('x", "y',)):
        with pytest.raises(ValueError, match="audiences"):
            Options(audiences=wrong)


def test_no_wait_passes_what_n8n_would_park() -> None:
    with pytest.raises(ValueError, match="65 seconds"):
        Pace(longest_wait=66)


def ran(name: str, request: dict[str, object], folder: Path) -> Any:  # noqa: ANN401 - each verb has its own result
    """The result of a verb, in this process."""
    called = verb(name)
    assert called is not None
    nothing = io.BytesIO()
    environment = Environment(folder, lambda: 0, nothing, nothing, Silent())
    return called.run(environment, called.request.model_validate(request))


def test_export_writes_the_forms_choices_of_the_sample_shop(tmp_path: Path) -> None:
    result = ran("workflows export", {"via": "command", "out": tmp_path / "out"}, tmp_path)
    assert len(result.files) == len(result.ids) == 5
    text = (tmp_path / "out" / "preview-or-sync-by-form.json").read_text(encoding="utf-8")
    trigger = next(node for node in json.loads(text)["nodes"] if node["type"].endswith("formTrigger"))
    options = trigger["parameters"]["formFields"]["values"][0]["fieldOptions"]["values"]
    assert [each["option"] for each in options] == list(DEMO_AUDIENCES)


def test_an_export_for_a_workspace_offers_its_audiences_in_its_time_zone(tmp_path: Path) -> None:
    scaffold(tmp_path / "shop")
    (tmp_path / "shop" / "audiences" / "cart_abandoners.yaml").unlink()
    ran("workflows export", {"via": "command", "out": tmp_path / "out"}, tmp_path / "shop")
    text = (tmp_path / "out" / "preview-or-sync-by-form.json").read_text(encoding="utf-8")
    assert "newsletter_readers" in text
    assert "cart_abandoners" not in text
    assert f"--workspace {tmp_path / 'shop'} " in text


def test_an_address_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="plain text"):
        ran("workflows export", {"runner_url": "={{ 1 }}", "out": tmp_path}, tmp_path)


def test_check_finds_nothing_in_what_is_built_and_in_what_is_kept(tmp_path: Path) -> None:
    built = ran("workflows check", {}, tmp_path)
    assert (built.checked, built.findings) == (10, [])
    kept = ran("workflows check", {"files": sorted(EXPORTED.rglob("*.json"))}, tmp_path)
    assert (kept.checked, kept.findings) == (10, [])


def test_check_says_file_node_and_rule_and_exits_with_3(tmp_path: Path) -> None:
    broken = json.loads((EXPORTED / "command" / "sync-audiences.json").read_text(encoding="utf-8"))
    for node in broken["nodes"]:
        if node["name"] == "Sync the audiences":
            node["parameters"]["command"] = "=passerelle sync {{ $json.audience }}"
    (tmp_path / "broken.json").write_text(json.dumps(broken), encoding="utf-8")
    found = run_cli("workflows", "check", str(tmp_path / "broken.json"), cwd=tmp_path, check=3).result["findings"]
    assert {"file", "node", "rule", "message"} == set(found[0])
    assert ("Sync the audiences", "shell-lines") in {(each["node"], each["rule"]) for each in found}


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"gone\.json"):
        ran("workflows check", {"files": [tmp_path / "gone.json"]}, tmp_path)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    first = ran("workflows secrets", {"folder": folder}, tmp_path)
    token = (folder / "runner.token").read_text()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    credentials = json.loads((folder / "credentials.json").read_text())
    assert credentials[0]["data"] == {"name": "Authorization", "value": f"Bearer {token}"}
    assert token not in first.model_dump_json()
    second = ran("workflows secrets", {"folder": folder}, tmp_path)
    assert (second.written, len(second.kept)) == ([], len(first.written))
    assert (folder / "runner.token").read_text() == token


def test_every_result_reads_as_a_few_lines(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    for name, request in (
        ("workflows export", {"out": tmp_path / "out"}),
        ("workflows check", {}),
        ("workflows secrets", {"folder": tmp_path / "s"}),
    ):
        called = verb(name)
        assert called is not None
        called.render(ran(name, dict(request), tmp_path), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "passerelleAlert0" in text
    assert "0 findings" in text
    assert "runner.token" in text
