"""Workflow 3: removals every few minutes, and at once on a ping that says nothing about anybody."""

from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import expression
from passerelle.workflows.n8n.nodes import (
    Every,
    ManualTrigger,
    Node,
    NoOp,
    RespondToWebhook,
    ScheduleTrigger,
    Switch,
    Webhook,
)
from passerelle.workflows.n8n.options import PING, Options
from passerelle.workflows.n8n.settings import REMOVE, canvas_of
from passerelle.workflows.n8n.steps import Checked, Step, call, checked, outcome_is, setting, stop
from passerelle.workflows.n8n.steps import settings as settings_node
from passerelle.workflows.verbs.contract import Outcome

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
    failed = stop(canvas, "Stop: removals are stuck", 10, 2)
    for output in ("held back", "consent stale", "refused"):
        canvas.connect(step.check, failed, output)
    _gave_up(canvas, options, step, failed)
    _explain(canvas)
    return canvas


def _gave_up(canvas: Canvas, options: Options, step: Checked, failed: Node) -> None:
    """When the tries of a run are used up: no alarm while the removals are in time, since the next run is near."""
    rules = (("tries used up", outcome_is(Outcome.TRY_LATER)),)
    why = canvas.add(Switch(name="Only for now?", rules=rules, fallback="failed"), 6, 2)
    entry, read = call(canvas, options, Step("status", "Look how long they are owed", "{ offline: true }"), 7, 2)
    none_late = '($json.result.audiences ?? []).every((row) => !row.debt || row.debt.state === "ok")'
    in_time = expression(f'["done", "pending"].includes($json.outcome) && {none_late}')
    check = canvas.add(Switch(name="Still in time?", rules=(("in time", in_time),), fallback="late"), 9, 2)
    late = stop(canvas, "Stop: removals are late", 10, 3, item=f'$("{why.name}").first().json')
    canvas.connect(step.check, why, "failed")
    canvas.connect(why, entry, "tries used up")
    canvas.connect(why, failed, "failed")
    canvas.connect(read, check)
    canvas.connect(check, canvas.add(NoOp(name="In time: the next run tries again"), 10, 1), "in time")
    canvas.connect(check, late, "late")


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
        "Its body is never read. Send none: n8n writes what it receives to its database, headers too, so that the "
        "caller shows a signed token that expires in a minute. Withdrawals themselves come "
        "in by `passerelle consent withdraw` or the runner's own signed address.",
        at=(-0.1, 3.1),
        size=(3, 1.4),
        color=5,
    )
    canvas.note(
        "When removals are stuck",
        "Removals wait for no consent, size or freshness. Tries used up are no alarm while nothing is owed for more "
        "than a day: the next run is minutes away. What is refused, or late, is told to people at once.",
        at=(6.9, 3.1),
        size=(2.9, 1.4),
        color=5,
    )


__all__ = ["PING_PATH", "draw"]
