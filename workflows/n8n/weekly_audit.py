"""Workflow 5: once a week verify the log and look for removals still owed; mail what was found."""

from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import expression
from passerelle.workflows.n8n.failure_alert import mail, slack
from passerelle.workflows.n8n.nodes import ManualTrigger, NoOp, ScheduleTrigger, SetJson, Switch, Weekly
from passerelle.workflows.n8n.options import Options
from passerelle.workflows.n8n.settings import AUDIT, canvas_of
from passerelle.workflows.n8n.steps import Step, checked, stop
from passerelle.workflows.n8n.steps import settings as settings_node

VERIFY = Step("audit verify", "Verify the log")
STATUS = Step("status", "Look for removals owed")


def draw(options: Options) -> Canvas:
    """The workflow."""
    canvas = canvas_of(AUDIT, options)
    clock = canvas.add(ScheduleTrigger(name="Every Monday at 7", interval=Weekly(1, 7)), 0, 0)
    hand = canvas.add(ManualTrigger(name="Run by hand"), 0, 1)
    start = canvas.add(settings_node(options), 1, 0)
    canvas.connect(clock, start)
    canvas.connect(hand, start)
    verify = checked(canvas, options, VERIFY, 2, 0)
    status = checked(canvas, options, STATUS, 5, 0)
    failed = stop(canvas, "Stop: the audit failed", 8, 2)
    canvas.connect(start, verify.entry)
    canvas.connect(verify.check, status.entry, "done")
    for output in ("pending", "held back", "consent stale", "refused", "failed"):
        canvas.connect(verify.check, failed, output)
    for output in ("consent stale", "refused", "failed"):
        canvas.connect(status.check, failed, output)
    report = canvas.add(SetJson(name="Write the report", text=_report()), 8, 0)
    for output in ("done", "pending", "held back"):
        canvas.connect(status.check, report, output)
    _tell(canvas, options, report)
    _explain(canvas)
    return canvas


def _tell(canvas: Canvas, options: Options, report: SetJson) -> None:
    """The e-mail always goes out: its size and root of the log, kept in a mailbox, show a log rewritten later."""
    subject, text = expression("$json.subject"), expression("$json.text")
    findings = Switch(name="Are there findings?", rules=(("findings", expression("$json.findings")),), fallback="none")
    canvas.add(findings, 9, 1)
    canvas.connect(report, mail(canvas, options, "Mail the report", (subject, text), (9, -0.3)))
    canvas.connect(report, findings)
    canvas.connect(findings, slack(canvas, options, "Tell Slack", text, (10, 0.7)), "findings")
    canvas.connect(findings, canvas.add(NoOp(name="Nothing to say in Slack"), 10, 1.7), "none")


def _report() -> str:
    verified = f'$("{VERIFY.answer}").first().json.result'
    return expression(
        f"(() => {{ const log = {verified}; "
        "const debts = ($json.result.audiences ?? []).map((row) => row.debt).filter((debt) => debt); "
        "const owed = debts.reduce((sum, debt) => sum + debt.people, 0); "
        'const late = debts.filter((debt) => debt.state !== "ok").reduce((sum, debt) => sum + debt.people, 0); '
        'const findings = late > 0 || $json.outcome === "held_back"; '
        'const advice = $json.advice || "run `passerelle status`, then `passerelle sync --removals-only`."; '
        'const text = ["The log is intact: " + log.size + " entries, root " + log.root + ".", '
        '"Keep this message: a log that is rewritten later will not fit it.", '
        '"Removals owed: " + owed + ", for more than a day: " + late + ".", '
        'findings ? "What to do: " + advice : "Nothing to do."].join("\\n"); '
        'return JSON.stringify({ findings, text, subject: "Passerelle: weekly audit, " + '
        '(findings ? "removals are late" : "all is well") }); })()'
    )


def _explain(canvas: Canvas) -> None:
    canvas.note(
        "Audit the log every week",
        "Verifies every entry of the log against its signed checkpoints, then asks what platforms still owe. A log "
        "that does not verify ends the run as failed, and the error workflow tells people at once.",
        at=(-0.1, -1.7),
        size=(3, 1.4),
        color=4,
    )
    canvas.note(
        "Why a mail when all is well",
        "The log's size and root, in a mailbox that Passerelle cannot reach, are a witness: a log rewritten or rolled "
        "back later no longer fits them.",
        at=(7.9, -1.9),
        size=(3, 1.3),
    )


__all__ = ["draw"]
