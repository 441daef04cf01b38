"""Rules about a workflow's settings, its schedules, and the workflows it names."""

import re
from collections.abc import Iterator, Sequence

from passerelle.workflows.n8n.check.finding import Found, Workflow

KEYS = frozenset(
    [
        "saveExecutionProgress",
        "saveManualExecutions",
        "saveDataErrorExecution",
        "saveDataSuccessExecution",
        "executionTimeout",
        "errorWorkflow",
        "timezone",
        "executionOrder",
        "callerPolicy",
        "callerIds",
        "timeSavedPerExecution",
        "redactionPolicy",
        "availableInMCP",
    ]
)
"""What n8n's API takes; it refuses any other key."""

_WANTED: dict[str, tuple[object, str]] = {
    "executionOrder": ("v1", "without it n8n falls back on an order of its first years"),
    "saveDataSuccessExecution": ("none", "or n8n keeps what passed through"),
    "saveDataErrorExecution": ("none", "or n8n keeps what passed through"),
    "saveManualExecutions": (False, "or n8n keeps what passed through"),
    "saveExecutionProgress": (False, "or n8n keeps what passed through"),
}
_FIELD = re.compile(r"\*|(\*|\d+(-\d+)?(,\d+(-\d+)?)*)(/\d+)?|[a-z]{3}(-[a-z]{3})?(,[a-z]{3})*", re.IGNORECASE)
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def settings(workflow: Workflow) -> Iterator[Found]:
    """Nothing of a run is kept, and the order of nodes is the modern one."""
    for key in sorted(set(workflow.settings) - KEYS):
        yield workflow.found("settings", f"n8n's API does not know the setting `{key}`")
    for key, (value, why) in _WANTED.items():
        if workflow.settings.get(key) != value:
            yield workflow.found("settings", f"`{key}` must be {value!r}, {why}")
    if not workflow.settings.get("timezone"):
        yield workflow.found("settings", "has no `timezone`: n8n would take that of New York")


def schedules(workflow: Workflow) -> Iterator[Found]:
    """A bad cron expression is published without a word and never fires."""
    for node in workflow.of_kind("scheduleTrigger"):
        intervals = node.objects("rule", "interval")
        if not intervals:
            yield workflow.found("schedules", "has no interval", node)
        for interval in intervals:
            if interval.get("field") == "cronExpression" and not is_cron(str(interval.get("expression", ""))):
                yield workflow.found("schedules", "its cron expression is wrong", node)


def is_cron(text: str) -> bool:
    """Whether n8n would fire on it: five fields, or six with seconds, each within its bounds."""
    fields = text.split()
    if len(fields) not in {5, 6}:
        return False
    bounds = _BOUNDS[len(_BOUNDS) - len(fields) :]
    return all(_fits(field, low, high) for field, (low, high) in zip(fields, bounds, strict=True))


def _fits(field: str, low: int, high: int) -> bool:
    if _FIELD.fullmatch(field) is None:
        return False
    values, _, step = field.partition("/")
    numbers = [int(number) for number in re.findall(r"\d+", values)]
    ranges = [tuple(map(int, pair)) for pair in re.findall(r"(\d+)-(\d+)", values)]
    in_order = all(first <= last for first, last in ranges)
    return in_order and all(low <= number <= high for number in numbers) and step != "0"


def named_workflows(workflow: Workflow, all_ids: Sequence[str]) -> Iterator[Found]:
    """A workflow that is named but not there, or not published before, silently never runs."""
    here = all_ids.index(workflow.id)
    named = [str(workflow.settings["errorWorkflow"])] if workflow.settings.get("errorWorkflow") else []
    for node in workflow.of_kind("executeWorkflow"):
        target = node.parameters.get("workflowId")
        named.append(str(target.get("value")) if isinstance(target, dict) else str(target))
    unattended = workflow.of_kind("scheduleTrigger", "webhook", "formTrigger")
    if unattended and not workflow.settings.get("errorWorkflow"):
        yield workflow.found("named-workflows", "runs unattended and names no error workflow")
    for name in named:
        if name not in all_ids:
            yield workflow.found("named-workflows", f"names the workflow `{name}`, which is not among these")
        elif all_ids.index(name) > here:
            yield workflow.found("named-workflows", f"names `{name}`, which would be published after it")
