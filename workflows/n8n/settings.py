"""Which workflows there are: their stable ids and names, and the settings they share."""

from dataclasses import dataclass

from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.nodes import Json
from passerelle.workflows.n8n.options import Options


@dataclass(frozen=True, slots=True)
class Identity:
    """A workflow's id (16 characters, so that every database of n8n takes it), file, name and purpose."""

    id: str
    file: str
    name: str
    description: str


ALERT = Identity(
    "passerelleAlert0",
    "tell-people-what-failed.json",
    "Tell people what failed",
    "The error workflow of the other four: Slack and e-mail with what happened, what it means and what to do.",
)
SYNC = Identity(
    "passerelleSync00",
    "sync-audiences.json",
    "Sync audiences every night",
    "Pulls the sources, plans every audience and sends what changed, with a check after each step.",
)
FORM = Identity(
    "passerelleForm00",
    "preview-or-sync-by-form.json",
    "Preview or sync an audience by form",
    "A form behind a login: pick an audience, preview or sync it, and see the figures.",
)
REMOVE = Identity(
    "passerelleRemove",
    "carry-out-removals.json",
    "Carry out removals",
    "Takes people who withdrew out of every audience: every few minutes, and at once when pinged.",
)
AUDIT = Identity(
    "passerelleAudit0",
    "audit-every-week.json",
    "Audit the log every week",
    "Verifies the log and looks for removals that a platform still owes; mails the log's size and root.",
)


def canvas_of(identity: Identity, options: Options) -> Canvas:
    """An empty canvas with the settings every workflow has. Nothing of a run is kept."""
    settings: dict[str, Json] = {
        "executionOrder": "v1",
        "timezone": options.timezone,
        "executionTimeout": 3600,
        "saveDataSuccessExecution": "none",
        "saveDataErrorExecution": "none",
        "saveManualExecutions": False,
        "saveExecutionProgress": False,
        "callerPolicy": "workflowsFromSameOwner",
    }
    if identity is not ALERT:
        settings["errorWorkflow"] = ALERT.id
    return Canvas(identity.id, f"Passerelle: {identity.name}", identity.description, settings)
