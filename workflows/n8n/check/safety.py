"""Rules about secrets, people and shells."""

import re
from collections.abc import Iterator

from passerelle.workflows.n8n.check.finding import Found, Node, Workflow, interpolations

_ENCODED = re.compile(r"\.base64Encode\(\)\s*$")
_PERSONAL = re.compile(
    r"[\"']?\b(e-?mail|phone|mobile|first_?name|last_?name|surname|birth\w*|address|postal_?code|external_?id|"
    r"customer_?id|sha256)\b[\"']?\s*:",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(r"(password|passwd|secret|token|api_?key|authorization|private_?key)", re.IGNORECASE)
_PAYLOAD = re.compile(
    r"\$json(\.|\[[\"'])(body|headers|query|params)\b|\.json(\.|\[[\"'])(body|headers|query|params)\b"
)
_OPEN = (None, "", "none")


def no_code(workflow: Workflow) -> Iterator[Found]:
    """Code nodes need task runners; the environment and variables may hold what is nobody's business."""
    for node in workflow.nodes:
        if node.kind in {"code", "function", "functionItem"}:
            yield workflow.found("no-code", "is a Code node", node)
        if any(re.search(r"\$(env|vars)\b", text) for text in node.expressions()):
            yield workflow.found("no-code", "reads $env or $vars", node)


def shell_lines(workflow: Workflow) -> Iterator[Found]:
    """Whatever is pasted into a shell line runs there; base64 has no character that a shell minds."""
    for node in workflow.of_kind("executeCommand"):
        command = str(node.parameters.get("command", ""))
        if not command.strip():
            yield workflow.found("shell-lines", "has no command", node)
        if re.search(r"(^|[\s;&|=(])exec\s", command):
            yield workflow.found("shell-lines", "uses exec: n8n takes a killed exec for success", node)
        if not all(_ENCODED.search(code) for code in interpolations(command)):
            yield workflow.found("shell-lines", "pastes something other than base64 into a shell line", node)
        if command.startswith("=") and command.count("{{") != len(interpolations(command)):
            yield workflow.found("shell-lines", "has an interpolation that is not closed", node)


def no_people(workflow: Workflow) -> Iterator[Found]:
    """n8n writes what passes through it to its database."""
    for node in workflow.of_kind("set", "executeCommand", "httpRequest"):
        if any(_PERSONAL.search(text) for _, text in node.texts()):
            yield workflow.found("no-people", "has a field that looks like personal data", node)


def no_payload(workflow: Workflow) -> Iterator[Found]:
    """A webhook's call means `now`, and nothing it brings is read."""
    if not workflow.of_kind("webhook"):
        return
    for node in workflow.nodes:
        if any(_PAYLOAD.search(text) for text in node.expressions()):
            yield workflow.found("no-payload", "reads what a webhook's caller sent", node)


def logins(workflow: Workflow) -> Iterator[Found]:
    """Who reaches n8n's port must not start a run."""
    for node in workflow.of_kind("webhook", "formTrigger"):
        if node.parameters.get("authentication") in _OPEN or not node.credentials:
            yield workflow.found("logins", "is open to anybody: it needs authentication and a credential", node)


def secrets(workflow: Workflow) -> Iterator[Found]:
    """Secrets stand in n8n's encrypted credentials, and workflows only name them."""
    for node in workflow.nodes:
        for kind, reference in node.credentials.items():
            if not isinstance(reference, dict) or set(reference) != {"id", "name"}:
                yield workflow.found("secrets", f"its credential `{kind}` is more than an id and a name", node)
        if _has_secret(node):
            yield workflow.found("secrets", "has a secret in its parameters", node)


def _has_secret(node: Node) -> bool:
    """A literal value under a telling key, or a header that carries one."""
    if any(_SECRET_KEY.search(key) and text and key != "authentication" for key, text in node.texts()):
        return True
    rows = node.objects("headerParameters", "parameters")
    return any(_SECRET_KEY.search(str(row.get("name", ""))) for row in rows)
