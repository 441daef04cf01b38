"""Every rule finds what it is about. Each case breaks one thing in a workflow that is otherwise right."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.n8n.catalogue import build
from passerelle.workflows.n8n.check import RULES, check, check_files
from passerelle.workflows.n8n.check.settings import is_cron
from passerelle.workflows.n8n.export import export
from passerelle.workflows.n8n.options import Options

Flow = dict[str, Any]
BUILT: dict[str, Any] = {**build(Options(via="command"))}
HTTP: dict[str, Any] = {**build(Options(via="http"))}
SYNC, FORM, REMOVE, ALERT = (
    "sync-audiences.json",
    "preview-or-sync-by-form.json",
    "carry-out-removals.json",
    "tell-people-what-failed.json",
)


def node(flow: Flow, name: str) -> Flow:
    found: Flow = next(each for each in flow["nodes"] if each["name"] == name)
    return found


def broken(file: str, breaking: Callable[[Flow], object], base: dict[str, Any] = BUILT) -> set[str]:
    """The rules that find something once `breaking` has changed the workflow."""
    flows = copy.deepcopy(base)
    breaking(flows[file])
    return {found.rule for found in check({name: json.dumps(flow) for name, flow in flows.items()}).findings}


def drop(flow: Flow, key: str) -> None:
    del flow[key]


def rename(flow: Flow, old: str, new: str) -> None:
    node(flow, old)["name"] = new
    if old in flow["connections"]:
        flow["connections"][new] = flow["connections"].pop(old)
    for ports in flow["connections"].values():
        for wire in (wire for output in ports["main"] for wire in output):
            wire["node"] = new if wire["node"] == old else wire["node"]


def remove(flow: Flow, name: str) -> None:
    flow["nodes"] = [each for each in flow["nodes"] if each["name"] != name]
    flow["connections"].pop(name, None)
    for ports in flow["connections"].values():
        ports["main"] = [[wire for wire in output if wire["node"] != name] for output in ports["main"]]


def without(kind: str) -> Callable[[Flow], object]:
    def breaking(flow: Flow) -> None:
        for name in [each["name"] for each in flow["nodes"] if each["type"].endswith(kind)]:
            remove(flow, name)

    return breaking


def parameter(name: str, key: str, value: object) -> Callable[[Flow], object]:
    return lambda flow: node(flow, name)["parameters"].update({key: value})


def beside(name: str, **keys: object) -> Callable[[Flow], object]:
    return lambda flow: node(flow, name).update(keys)


def setting(key: str, value: object) -> Callable[[Flow], object]:
    return lambda flow: flow["settings"].update({key: value})


RUN = "Sync the audiences"
CASES: list[tuple[str, str, Callable[[Flow], object]]] = [
    ("structure", SYNC, lambda flow: drop(flow, "id")),
    ("structure", SYNC, lambda flow: drop(flow, "name")),
    ("structure", SYNC, lambda flow: drop(flow, "nodes")),
    ("structure", SYNC, lambda flow: drop(flow, "connections")),
    ("structure", SYNC, lambda flow: flow["nodes"].append("not a node")),
    ("structure", SYNC, lambda flow: drop(node(flow, RUN), "type")),
    ("structure", SYNC, beside(RUN, position=[1, "2"])),
    ("structure", SYNC, beside(RUN, position=[1])),
    ("structure", SYNC, lambda flow: flow["nodes"].append(node(flow, RUN))),
    ("structure", SYNC, lambda flow: flow["connections"].update({"Nobody": {"main": [[]]}})),
    ("structure", SYNC, lambda flow: flow["connections"][RUN]["main"][0].append({"node": "Nobody"})),
    ("structure", SYNC, lambda flow: flow["connections"].update({RUN: ["wrong"]})),
    ("ids", SYNC, lambda flow: flow.update(id="x" * 37)),
    ("ids", SYNC, beside(RUN, id="0d4c3f5e-8a1b-4c3d-9e2f-1a2b3c4d5e6f")),
    ("ids", SYNC, lambda flow: flow.update(id="passerelleAlert0")),
    ("versions", SYNC, beside(RUN, typeVersion=99)),
    ("versions", SYNC, beside(RUN, type="n8n-nodes-base.ftp")),
    ("versions", SYNC, lambda flow: drop(node(flow, RUN), "typeVersion")),
    ("names", SYNC, lambda flow: rename(flow, "Done", "HTTP Request1")),
    ("notes", SYNC, without("stickyNote")),
    ("webhook-ids", REMOVE, lambda flow: drop(node(flow, "Pinged after a withdrawal"), "webhookId")),
    ("webhook-ids", FORM, lambda flow: drop(node(flow, "Show the figures"), "webhookId")),
    ("hand-start", SYNC, lambda flow: remove(flow, "Run by hand")),
    ("hand-start", ALERT, lambda flow: remove(flow, "When a workflow failed")),
    ("no-code", SYNC, beside("Done", type="n8n-nodes-base.code", typeVersion=2)),
    ("no-code", SYNC, parameter("Settings", "jsonOutput", "={{ $env.META_TOKEN }}")),
    ("no-code", SYNC, parameter("Settings", "jsonOutput", "={{ $vars.x }}")),
    ("shell-lines", SYNC, parameter(RUN, "command", "=passerelle sync {{ $json.audience }}")),
    ("shell-lines", SYNC, parameter(RUN, "command", "exec passerelle sync")),
    ("shell-lines", SYNC, parameter(RUN, "command", "")),
    ("shell-lines", SYNC, parameter(RUN, "command", "=passerelle {{ 'a'.base64Encode() + $json.x }}")),
    ("shell-lines", SYNC, parameter(RUN, "command", "=passerelle {{ 'a'.base64Encode()")),
    ("no-people", SYNC, parameter("Settings", "jsonOutput", '{"email": "somebody"}')),
    ("no-people", SYNC, parameter("Settings", "jsonOutput", "={{ JSON.stringify({ first_name: 1 }) }}")),
    ("no-payload", REMOVE, parameter("Settings", "jsonOutput", "={{ JSON.stringify($json.body) }}")),
    ("no-payload", REMOVE, parameter("Settings", "jsonOutput", '={{ $("Run by hand").first().json["headers"] }}')),
    ("logins", REMOVE, parameter("Pinged after a withdrawal", "authentication", "none")),
    ("logins", FORM, lambda flow: drop(node(flow, "A marketer asks"), "credentials")),
    ("secrets", FORM, beside("A marketer asks", credentials={"httpBasicAuth": {"id": "1", "name": "n", "data": {}}})),
    ("secrets", SYNC, parameter("Settings", "apiKey", "abc")),
    ("error-outputs", SYNC, lambda flow: flow["connections"][RUN]["main"].pop()),
    ("error-outputs", SYNC, lambda flow: node(flow, RUN).pop("onError")),
    ("switches", SYNC, parameter("Check: sync the audiences", "options", {})),
    ("switches", SYNC, lambda flow: flow["connections"]["Check: sync the audiences"]["main"].pop()),
    (
        "switches",
        FORM,
        lambda flow: drop(node(flow, "Preview or sync?")["parameters"]["rules"]["values"][0], "outputKey"),
    ),
    ("reach", SYNC, lambda flow: flow["connections"].pop("Settings")),
    ("patience", SYNC, beside("Done", retryOnFail=True, maxTries=9)),
    ("patience", SYNC, beside("Done", retryOnFail=True, waitBetweenTries=8000)),
    ("patience", SYNC, parameter("Let the platforms work", "amount", 66)),
    ("patience", SYNC, parameter("Let the platforms work", "unit", "hours")),
    ("failing", REMOVE, without("stopAndError")),
    ("failing", SYNC, beside(RUN, onError="continueRegularOutput")),
    ("expressions", SYNC, parameter("Settings", "jsonOutput", "={{ JSON.stringify({ a: { b: 1 }}) }}")),
    ("expressions", SYNC, parameter("Settings", "jsonOutput", '={{ $("Nobody").first().json }}')),
    ("attribution", ALERT, parameter("Send an e-mail", "options", {})),
    ("attribution", ALERT, parameter("Tell Slack", "otherOptions", {})),
    ("settings", SYNC, setting("unheardOf", 1)),
    ("settings", SYNC, setting("executionOrder", "v0")),
    ("settings", SYNC, setting("saveDataSuccessExecution", "all")),
    ("settings", SYNC, setting("saveDataErrorExecution", "all")),
    ("settings", SYNC, setting("saveManualExecutions", True)),
    ("settings", SYNC, setting("timezone", "")),
    ("schedules", SYNC, parameter("Every night at 3:30", "rule", {"interval": []})),
    (
        "schedules",
        SYNC,
        parameter(
            "Every night at 3:30", "rule", {"interval": [{"field": "cronExpression", "expression": "61 3 * * *"}]}
        ),
    ),
    ("named-workflows", SYNC, setting("errorWorkflow", "gone")),
    ("named-workflows", SYNC, lambda flow: flow["settings"].pop("errorWorkflow")),
]
HTTP_CASES: list[tuple[str, str, Callable[[Flow], object]]] = [
    ("answers", SYNC, parameter(RUN, "options", {"timeout": 1})),
    ("answers", SYNC, lambda flow: drop(node(flow, RUN), "credentials")),
    (
        "secrets",
        SYNC,
        parameter(RUN, "headerParameters", {"parameters": [{"name": "Authorization", "value": "Bearer x"}]}),
    ),
]


@pytest.mark.parametrize(("rule", "file", "breaking"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_a_rule_finds_what_it_is_about(rule: str, file: str, breaking: Callable[[Flow], object]) -> None:
    assert rule in broken(file, breaking)


@pytest.mark.parametrize(
    ("rule", "file", "breaking"), HTTP_CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(HTTP_CASES)]
)
def test_a_rule_about_calls_over_http_finds_it(rule: str, file: str, breaking: Callable[[Flow], object]) -> None:
    assert rule in broken(file, breaking, HTTP)


def test_every_rule_has_a_case() -> None:
    tried = {rule for rule, _, _ in [*CASES, *HTTP_CASES]}
    named = {rule.__name__.replace("_", "-") for rule in RULES}
    assert named - tried == set()


def test_the_callee_comes_first_in_publishing_order() -> None:
    texts = {name: json.dumps(flow) for name, flow in reversed(BUILT.items())}
    assert {found.rule for found in check(texts, in_order=True).findings} == {"named-workflows"}
    assert check(texts).findings == ()


def test_what_is_not_json_is_found() -> None:
    for text in ("", "[", "3", "[]", "null", '"x"', "[" * 100_000):
        assert [found.rule for found in check({"a.json": text}).findings] == ["structure"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON, pick=st.integers(0, 10_000))
def test_no_shape_of_json_breaks_the_checker(value: object, pick: int) -> None:
    """Replace anything anywhere: the checker finds something or nothing, and never stumbles."""
    flow = copy.deepcopy(BUILT[REMOVE])
    places = list(_places(flow))
    parent, key = places[pick % len(places)]
    parent[key] = value
    check({REMOVE: json.dumps(flow)})


def _places(value: object) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in [(value, key), *_places(each)]]
    if isinstance(value, list):
        return [pair for place, each in enumerate(value) for pair in [(value, place), *_places(each)]]
    return []


@pytest.mark.parametrize(
    "text", ["0 6 * * *", "*/5 * * * *", "30 3 * * 1-5", "0 0 1,15 * *", "*/10 0 6 * * *", "0 6 * * mon"]
)
def test_a_proper_cron_expression_is_taken(text: str) -> None:
    assert is_cron(text)


@pytest.mark.parametrize(
    "text",
    ["", "0 6 * *", "60 6 * * *", "0 24 * * *", "0 6 0 * *", "0 6 * 13 *", "5-1 6 * * *", "a b c d e", "*/0 * * * *"],
)
def test_a_wrong_cron_expression_is_found(text: str) -> None:
    assert not is_cron(text)


def test_a_folder_stands_for_the_workflows_in_it(tmp_path: Path) -> None:
    export(Options(), tmp_path)

    assert check_files([tmp_path]) == check_files(sorted(tmp_path.glob("*.json")))


def test_a_folder_without_workflows_is_not_taken_for_a_sound_one(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="holds no workflow"):
        check_files([tmp_path])
