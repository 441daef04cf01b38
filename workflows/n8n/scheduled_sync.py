"""Workflow 1: every night pull, plan and sync, with a check after each step."""

from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import expression
from passerelle.workflows.n8n.nodes import Cron, ManualTrigger, Node, NoOp, ScheduleTrigger, StopAndError, Wait
from passerelle.workflows.n8n.options import Options
from passerelle.workflows.n8n.settings import SYNC, canvas_of
from passerelle.workflows.n8n.steps import (
    ROUTES,
    SETTINGS,
    Checked,
    Step,
    call,
    checked,
    outcome_is,
    route,
    setting,
    stop,
)
from passerelle.workflows.n8n.steps import settings as settings_node
from passerelle.workflows.verbs.contract import Outcome

_ALL = f"{{ audiences: {setting('audiences')} }}"
PULL = Step("pull", "Pull the sources")
PLAN = Step("plan", "Plan the audiences", _ALL)
SYNC_ALL = Step("sync", "Sync the audiences", _ALL)
STATUS = Step("status", "Ask how it stands")


def draw(options: Options) -> Canvas:
    """The workflow."""
    canvas = canvas_of(SYNC, options)
    start = _begin(canvas, options)
    pull = checked(canvas, options, PULL, 2, 1)
    plan = checked(canvas, options, PLAN, 5, 1)
    sync = checked(canvas, options, SYNC_ALL, 8, 1)
    done = canvas.add(NoOp(name="Done"), 11, -1)
    canvas.connect(start, pull.entry)
    canvas.connect(pull.check, plan.entry, "done")
    for output in ("done", "held back", "consent stale"):
        canvas.connect(plan.check, sync.entry, output)
    canvas.connect(sync.check, done, "done")
    stops = _stops(canvas)
    _end(canvas, pull, stops, ("pending", "held back", "consent stale", "refused", "failed"))
    _end(canvas, plan, stops, ("pending", "refused", "failed"))
    _end(canvas, sync, stops, ("held back", "consent stale", "refused", "failed"))
    _poll(canvas, options, sync, done, stops)
    _explain(canvas)
    return canvas


def _begin(canvas: Canvas, options: Options) -> Node:
    night = canvas.add(ScheduleTrigger(name="Every night at 3:30", interval=Cron("30 3 * * *")), 0, 0.5)
    hand = canvas.add(ManualTrigger(name="Run by hand"), 0, 1.5)
    start = canvas.add(settings_node(options), 1, 1)
    canvas.connect(night, start)
    canvas.connect(hand, start)
    return start


def _stops(canvas: Canvas) -> dict[str, StopAndError]:
    names = ("held back", "consent stale", "refused", "failed")
    return {name: stop(canvas, f"Stop: {name}", 15, 2 + place) for place, name in enumerate(names)}


def _end(canvas: Canvas, step: Checked, stops: dict[str, StopAndError], outputs: tuple[str, ...]) -> None:
    for output in outputs:
        canvas.connect(step.check, stops.get(output, stops["failed"]), output)


def _poll(canvas: Canvas, options: Options, sync: Checked, done: Node, stops: dict[str, StopAndError]) -> None:
    """Ask for the status until the platforms have finished, a bounded number of times; pending is no failure."""
    wait = canvas.add(Wait(name="Let the platforms work", seconds=expression(setting("poll_wait"))), 11, 0.3)
    entry, read = call(canvas, options, STATUS, 12, 0.3)
    again = f'["pending", "try_later"].includes($json.outcome) && $runIndex + 1 < {setting("polls")}'
    rules = (
        ("done", outcome_is(Outcome.DONE)),
        ("ask again", expression(again)),
        ("still pending", outcome_is(Outcome.PENDING, Outcome.TRY_LATER)),
        *(rule for rule in ROUTES if rule[0] in stops),
    )
    check = route(canvas, "Check: the platforms", 14, 0.3, rules)
    canvas.connect(sync.check, wait, "pending")
    canvas.connect(wait, entry)
    canvas.connect(read, check)
    canvas.connect(check, done, "done")
    canvas.connect(check, wait, "ask again")
    canvas.connect(check, canvas.add(NoOp(name="Still pending: the next run asks again"), 15, 0.8), "still pending")
    for output, node in stops.items():
        canvas.connect(check, node, output)


def _explain(canvas: Canvas) -> None:
    canvas.note(
        "Pull, plan and sync",
        "Reads the sources, plans every audience and sends what changed, each night. Only names, counts and outcomes "
        "pass through n8n: people, keys and tokens stay with Passerelle.\n"
        f"**{SETTINGS}** holds what you may change: which audiences, and how patiently to try.",
        at=(-0.1, -1.6),
        size=(2.9, 1.5),
        color=4,
    )
    canvas.note(
        "A check after each step",
        "Each answer has one `outcome`. `try later` goes round by a wait that doubles, for a bounded number of tries. "
        "An empty or unreadable answer counts as failed.",
        at=(3, -1.6),
        size=(2.9, 1.5),
    )
    canvas.note(
        "Guards hold in the sync as well",
        "A plan that a guard or a stale consent holds back still goes on to the sync, which keeps back the same "
        "additions, carries out removals and the other audiences, and then says why it stopped.",
        at=(6.1, -1.6),
        size=(2.9, 1.5),
    )
    canvas.note(
        "Pending is no failure",
        "A platform that accepted the data and still works on it is asked again some times. What is open after that "
        "is asked for by the next run.",
        at=(11.6, -1.6),
        size=(2.9, 1.5),
    )
    canvas.note(
        "Failed ends",
        "Each ends the run as failed with the outcome and the advice, so that the workflow *Tell people what failed* "
        "writes to Slack and by e-mail.",
        at=(12, 2.2),
        size=(2.7, 1.4),
        color=5,
    )


__all__ = ["draw"]
