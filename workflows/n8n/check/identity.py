"""Rules about what things are called and which versions they have."""

import re
import uuid
from collections.abc import Iterator

from passerelle.workflows.n8n.check.finding import STICKY, TRIGGERS, Found, Workflow

VERSIONS: dict[str, tuple[float, ...]] = {
    "scheduleTrigger": (1.3,),
    "manualTrigger": (1,),
    "errorTrigger": (1,),
    "stopAndError": (1,),
    "noOp": (1,),
    "stickyNote": (1,),
    "executeCommand": (1,),
    "ssh": (1,),
    "formTrigger": (2.3,),
    "form": (2.3,),
    "webhook": (2.1,),
    "respondToWebhook": (1.5,),
    "if": (2.3,),
    "filter": (2.3,),
    "switch": (3.4,),
    "set": (3.4,),
    "splitInBatches": (3,),
    "httpRequest": (4.3,),
    "emailSend": (2.1,),
    "slack": (2.4,),
    "executeWorkflow": (1.2, 1.3),
    "executeWorkflowTrigger": (1.1,),
    "wait": (1.1,),
    "merge": (3.2,),
}
"""Node types that may be used, at the newest version that n8n 2.0 knows: they run on every later 2.x."""

_GENERIC = re.compile(
    r"(http request|edit fields|set|switch|if|filter|wait|merge|execute command|execute workflow|webhook|form|code|"
    r"no operation.*|no ?op|stop and error|schedule trigger|send email|slack|respond to webhook|loop over items)\s*\d*"
)
_LONGEST_ID = 36


def ids(workflow: Workflow) -> Iterator[Found]:
    """PostgreSQL holds 36 characters; node ids must be the same in every export."""
    if len(workflow.id) > _LONGEST_ID:
        yield workflow.found("ids", f"its id is longer than {_LONGEST_ID} characters")
    for node in workflow.nodes:
        if not _is_uuid5(str(node.data.get("id"))):
            yield workflow.found("ids", "its id is not a UUID of version 5", node)


def _is_uuid5(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 5  # noqa: PLR2004 - the version made from names
    except ValueError:
        return False


def versions(workflow: Workflow) -> Iterator[Found]:
    """An unknown type or version imports without a word and fails when it runs."""
    for node in workflow.nodes:
        known = VERSIONS.get(node.kind)
        if known is None:
            yield workflow.found("versions", f"the node type `{node.kind}` is not one that may be used", node)
        elif node.version not in known:
            yield workflow.found("versions", f"`{node.kind}` must have version {known[-1]:g}", node)


def names(workflow: Workflow) -> Iterator[Found]:
    """A node's name says what it does."""
    for node in workflow.nodes:
        if _GENERIC.fullmatch(node.name.lower()):
            yield workflow.found("names", "is named after its type, not after what it does", node)


def notes(workflow: Workflow) -> Iterator[Found]:
    """A person who opens the workflow finds it explained."""
    if not workflow.of_kind(STICKY):
        yield workflow.found("notes", "has no sticky note that explains it")


def webhook_ids(workflow: Workflow) -> Iterator[Found]:
    """Without one the address changes with each import."""
    for node in workflow.of_kind("webhook", "formTrigger", "form"):
        if not node.data.get("webhookId"):
            yield workflow.found("webhook-ids", "has no webhookId", node)


def hand_start(workflow: Workflow) -> Iterator[Found]:
    """`n8n execute`, and a person in the editor, start only at a Manual Trigger."""
    kinds = {node.kind for node in workflow.nodes}
    if "scheduleTrigger" in kinds and not kinds & {"manualTrigger", "executeWorkflowTrigger"}:
        yield workflow.found("hand-start", "has a schedule and no Manual Trigger beside it")
    if not kinds & TRIGGERS:
        yield workflow.found("hand-start", "has no trigger")
