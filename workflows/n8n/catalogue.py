"""The five workflows, in the order they are published in: the error workflow first, since the others name it."""

from collections.abc import Callable

from passerelle.workflows.n8n import failure_alert, marketer_form, removals, scheduled_sync, weekly_audit
from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.nodes.node import JsonObject
from passerelle.workflows.n8n.options import Options
from passerelle.workflows.n8n.settings import ALERT, AUDIT, FORM, REMOVE, SYNC, Identity

CATALOGUE: tuple[tuple[Identity, Callable[[Options], Canvas]], ...] = (
    (ALERT, failure_alert.draw),
    (SYNC, scheduled_sync.draw),
    (FORM, marketer_form.draw),
    (REMOVE, removals.draw),
    (AUDIT, weekly_audit.draw),
)


def build(options: Options) -> dict[str, JsonObject]:
    """All workflows by file name, in publishing order."""
    return {identity.file: draw(options).json() for identity, draw in CATALOGUE}
