"""Workflow 3: removals every few minutes, and at once on a ping that says nothing about anybody."""

from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.nodes import Every, ManualTrigger, NoOp, RespondToWebhook, ScheduleTrigger, Webhook
from passerelle.workflows.n8n.options import PING, Options
from passerelle.workflows.n8n.settings import REMOVE, canvas_of
from passerelle.workflows.n8n.steps import Step, checked, setting, stop
from passerelle.workflows.n8n.steps import settings as settings_node

PING_PATH = "passerelle/removals"
REMOVALS = Step("sync", "Carry out removals", f"{{ audiences: {setting('audiences')}, removals_only: true }}")


def draw(options: Options) -> Canvas:
    """The workflow."""
    canvas = canvas_of(REMOVE, options)
    clock = canvas.add(ScheduleTrigger(name="Every five minutes", interval=Every(5)), 0, 0)
    hand = canvas.add(ManualTrigger(name="Run by hand"), 0, 1)
    ping = Webhook(name="Pinged after a withdrawal", credential=PING, webhook_id="passerelle-removals", path=PING_PATH)
    canvas.add(ping, 0, 2)
    accept = canvas.add(RespondToWebhook(name="Answer at once", body='{ "accepted": true }', status=202), 1, 2)
    start = canvas.add(settings_node(options), 2, 1)
    canvas.connect(clock, start)
    canvas.connect(hand, start)
    canvas.connect(ping, accept)
    canvas.connect(accept, start)
    step = checked(canvas, options, REMOVALS, 3, 1)
    done = canvas.add(NoOp(name="Done"), 6, 0)
    canvas.connect(start, step.entry)
    canvas.connect(step.check, done, "done")
    canvas.connect(step.check, canvas.add(NoOp(name="Accepted by the platforms"), 6, 1), "pending")
    failed = stop(canvas, "Stop: removals are stuck", 6, 2)
    for output in ("held back", "consent stale", "refused", "failed"):
        canvas.connect(step.check, failed, output)
    _explain(canvas)
    return canvas


def _explain(canvas: Canvas) -> None:
    canvas.note(
        "Carry out removals",
        "Someone who withdrew leaves every audience within minutes. The run looks for what is owed in Passerelle's own "
        "ledger and uploads nothing else; without removals it does nothing.",
        at=(2.8, -1.2),
        size=(3, 1.4),
        color=4,
    )
    canvas.note(
        "The ping carries nobody",
        "Its body is never read. Send none: n8n writes what it receives to its database. Withdrawals themselves come "
        "in by `passerelle consent withdraw` or the runner's own signed address.",
        at=(-0.1, 3.1),
        size=(3, 1.4),
        color=5,
    )
    canvas.note(
        "When removals are stuck",
        "Removals wait for no consent, size or freshness. After some tries the run fails and people are told; the "
        "removal stays owed, with its deadline, and the next run tries again.",
        at=(5.9, 3.1),
        size=(2.6, 1.4),
        color=5,
    )


__all__ = ["PING_PATH", "draw"]
