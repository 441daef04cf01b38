"""Rules about where items go, and what happens when something fails."""

import re
from collections.abc import Iterator

from passerelle.workflows.n8n.check.finding import STICKY, TRIGGERS, Found, Node, Workflow, interpolations

_MOST_TRIES, _LONGEST_PAUSE_MS, _LONGEST_WAIT = 5, 5000, 65
_ENDS = frozenset(["stopAndError", STICKY])
_NAMED = re.compile(r"\$\(\s*[\"']([^\"']+)[\"']\s*\)")


def outputs_of(node: Node) -> int:
    """How many outputs a node has without its error output."""
    if node.kind in _ENDS:
        return 0
    if node.kind == "switch":
        extra = 1 if node.at("options").get("fallbackOutput") == "extra" else 0
        return len(node.objects("rules", "values")) + extra
    return 2 if node.kind in {"if", "splitInBatches"} else 1


def error_outputs(workflow: Workflow) -> Iterator[Found]:
    """An error output that leads nowhere swallows failures; a wire from an output that is not there never fires."""
    for node in workflow.nodes:
        wires = workflow.wires.get(node.name, [])
        own = outputs_of(node)
        has_error = node.data.get("onError") == "continueErrorOutput"
        if has_error and (len(wires) <= own or not wires[own]):
            yield workflow.found("error-outputs", "asks for an error output that leads nowhere", node)
        if any(wires[own + has_error :]):
            yield workflow.found("error-outputs", "has a wire from an output that it does not have", node)


def switches(workflow: Workflow) -> Iterator[Found]:
    """Every route has a name, and what fits no rule still goes somewhere."""
    for node in workflow.of_kind("switch"):
        options = node.at("options")
        if options.get("fallbackOutput") != "extra" or not options.get("renameFallbackOutput"):
            yield workflow.found("switches", "has no named fallback: an item that fits no rule vanishes", node)
        rules = node.objects("rules", "values")
        if not all(rule.get("renameOutput") and rule.get("outputKey") for rule in rules):
            yield workflow.found("switches", "has a route without a name", node)
        wires = workflow.wires.get(node.name, [])
        if sum(bool(output) for output in wires) < outputs_of(node):
            yield workflow.found("switches", "has a route that leads nowhere", node)


def reach(workflow: Workflow) -> Iterator[Found]:
    """Every node is led to by a trigger."""
    reached = {node.name for node in workflow.nodes if node.kind in TRIGGERS}
    waiting = list(reached)
    while waiting:
        for target in {each for output in workflow.wires.get(waiting.pop(), []) for each in output} - reached:
            reached.add(target)
            waiting.append(target)
    for node in workflow.nodes:
        if node.name not in reached and node.kind != STICKY:
            yield workflow.found("reach", "is led to by no trigger", node)


def patience(workflow: Workflow) -> Iterator[Found]:
    """n8n caps tries and pauses silently, and parks a long wait, with its data, in the database."""
    for node in workflow.nodes:
        bounds = (("maxTries", _MOST_TRIES), ("waitBetweenTries", _LONGEST_PAUSE_MS))
        given = [(node.data.get(key, 0), most) for key, most in bounds]
        if node.data.get("retryOnFail") and any(not isinstance(value, int) or value > most for value, most in given):
            yield workflow.found("patience", "asks for more than 5 tries or 5 seconds between: n8n caps both", node)
    for node in workflow.of_kind("wait"):
        amount = node.parameters.get("amount")
        fixed = amount if isinstance(amount, int | float) else None
        if node.parameters.get("unit") != "seconds" or (fixed is not None and fixed > _LONGEST_WAIT):
            yield workflow.found("patience", f"waits longer than {_LONGEST_WAIT} seconds", node)


def failing(workflow: Workflow) -> Iterator[Found]:
    """A workflow that calls Passerelle ends failures in Stop and Error, or nobody hears of them."""
    calls = workflow.of_kind("executeCommand", "httpRequest", "ssh")
    if calls and not workflow.of_kind("stopAndError"):
        yield workflow.found("failing", "calls something and has no Stop and Error")
    for node in calls:
        if node.data.get("onError") != "continueErrorOutput":
            yield workflow.found("failing", "does not route its own failure: use the error output", node)


def answers(workflow: Workflow) -> Iterator[Found]:
    """An answer is read whole, whatever its status; without that n8n retries and hides it."""
    for node in workflow.of_kind("httpRequest"):
        response = node.at("options", "response", "response")
        if not (response.get("fullResponse") and response.get("neverError")):
            yield workflow.found("answers", "must ask for fullResponse and neverError", node)
        if not node.credentials:
            yield workflow.found("answers", "calls without a credential", node)


def expressions(workflow: Workflow) -> Iterator[Found]:
    """n8n ends an expression at the first closing braces, and leaves one with an unknown node empty."""
    names = {node.name for node in workflow.nodes}
    for node in workflow.nodes:
        for text in node.expressions():
            if text.count("{{") != len(interpolations(text)) or text.count("}}") != text.count("{{"):
                yield workflow.found("expressions", "has braces that n8n would cut in the wrong place", node)
            for name in sorted(set(_NAMED.findall(text)) - names):
                yield workflow.found("expressions", f"refers to `{name}`, which is not there", node)


def attribution(workflow: Workflow) -> Iterator[Found]:
    """Messages and forms carry no advertisement and no link into n8n."""
    for node in workflow.of_kind("emailSend", "formTrigger"):
        if node.at("options").get("appendAttribution") is not False:
            yield workflow.found("attribution", "leaves n8n's attribution on", node)
    for node in workflow.of_kind("slack"):
        if node.at("otherOptions").get("includeLinkToWorkflow") is not False:
            yield workflow.found("attribution", "leaves the link to the workflow on", node)
