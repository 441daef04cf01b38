"""Workflow 2: a form behind a login. Pick an audience, preview or sync it, see the figures."""

from passerelle.workflows.n8n.answers import meanings
from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import expression, literal
from passerelle.workflows.n8n.nodes import Dropdown, FormPage, FormTrigger, Node, NoOp, SetJson, Switch
from passerelle.workflows.n8n.options import FORM as LOGIN
from passerelle.workflows.n8n.options import Options
from passerelle.workflows.n8n.settings import FORM, canvas_of
from passerelle.workflows.n8n.steps import SETTINGS, Step, call, outcome_is, stop
from passerelle.workflows.verbs.contract import Outcome

PREVIEW, SYNC = "Preview: send nothing", "Sync now"
_CHOSEN = f'{{ audiences: [$("{SETTINGS}").first().json.audience] }}'
_ANSWER = "The answer"
_ANSWERED = (Outcome.DONE, Outcome.PENDING, Outcome.HELD_BACK, Outcome.CONSENT_STALE)
_QUIET = (Outcome.TRY_LATER, Outcome.INVALID)


def draw(options: Options) -> Canvas:
    """The workflow."""
    canvas = canvas_of(FORM, options)
    form = canvas.add(_form(options), 0, 1)
    chosen = canvas.add(SetJson(name=SETTINGS, text=_choice(options)), 1, 1)
    rules = (("preview", expression('$json.mode === "preview"')), ("sync", expression('$json.mode === "sync"')))
    which = canvas.add(Switch(name="Preview or sync?", rules=rules, fallback="neither"), 2, 1)
    plan, planned = call(canvas, options, Step("plan", "Preview the audience", _CHOSEN), 3, 0)
    sync, synced = call(canvas, options, Step("sync", "Sync the audience", _CHOSEN), 3, 1)
    canvas.connect(form, chosen)
    canvas.connect(chosen, which)
    canvas.connect(which, plan, "preview")
    canvas.connect(which, sync, "sync")
    unknown = FormPage(
        name="Show: not a choice",
        webhook_id="passerelle-form-unknown",
        title="That is not one of the choices",
        message="Nothing was done. Go back and pick an audience from the list.",
    )
    canvas.connect(which, canvas.add(unknown, 3, 2), "neither")
    _pages(canvas, (planned, synced))
    _explain(canvas)
    return canvas


def _form(options: Options) -> FormTrigger:
    return FormTrigger(
        name="A marketer asks",
        credential=LOGIN,
        webhook_id="passerelle-form",
        path="passerelle",
        title="Preview or sync an audience",
        description="A preview counts who would go in and come out, and sends nothing. "
        "A sync sends what changed to Meta and Google; it can take some minutes.",
        fields=(Dropdown("Audience", options.audiences), Dropdown("What to do", (PREVIEW, SYNC))),
        button="Go",
    )


def _choice(options: Options) -> str:
    """What was picked, held against the lists again: n8n does not check what a form sends."""
    modes = {PREVIEW: "preview", SYNC: "sync"}
    return expression(
        f"(() => {{ const known = {literal(list(options.audiences))}.includes($json.Audience); "
        f'const mode = {literal(modes)}[$json["What to do"]]; '
        'return JSON.stringify({ run: $execution.id + "-" + $now.toMillis(), '
        'audience: known ? $json.Audience : "", mode: known && mode ? mode : "neither" }); })()'
    )


def _pages(canvas: Canvas, answers: tuple[Node, ...]) -> None:
    answer = canvas.add(NoOp(name=_ANSWER), 5, 0.5)
    for each in answers:
        canvas.connect(each, answer)
    rules = (("figures", outcome_is(*_ANSWERED)), ("not now", outcome_is(*_QUIET)))
    check = canvas.add(Switch(name="Are there figures?", rules=rules, fallback="failed"), 6, 0.5)
    canvas.connect(answer, check)
    title = expression(f"{literal(meanings())}[$json.outcome].headline")
    figures = FormPage(name="Show the figures", webhook_id="passerelle-form-done", title=title, message=_figures())
    later = FormPage(name="Show: not now", webhook_id="passerelle-form-later", title=title, message=_words())
    failed = FormPage(name="Show: it failed", webhook_id="passerelle-form-failed", title=title, message=_words())
    canvas.connect(check, canvas.add(figures, 7, -0.5), "figures")
    canvas.connect(check, canvas.add(later, 7, 0.5), "not now")
    canvas.connect(check, canvas.add(failed, 7, 1.5), "failed")
    canvas.connect(failed, stop(canvas, "Stop: failed", 8, 1.5, item=f'$("{_ANSWER}").first().json'))


def _words() -> str:
    """What it means and what to do, where there are no figures."""
    return expression(
        f"(() => {{ const meaning = {literal(meanings())}[$json.outcome]; "
        'return meaning.means + " " + ($json.advice || meaning.do); })()'
    )


def _figures() -> str:
    """A line per audience and destination, then what it means, then the advice."""
    return expression(
        f"(() => {{ const meaning = {literal(meanings())}[$json.outcome]; "
        "const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0); "
        "const moves = (row) => row.sent ?? { adds: row.adds, removes: total(row.removes) }; "
        'const verbs = $json.step === "plan" ? [" to add, ", " to take out, "] : [" added, ", " taken out, "]; '
        'const line = (row) => row.audience + " at " + row.destination + ": " + moves(row).adds + verbs[0] '
        '+ moves(row).removes + verbs[1] + total(row.withheld) + " withheld"; '
        'const advice = $json.outcome === "done" ? "" : meaning.means + " " + ($json.advice || meaning.do); '
        'return [...($json.result.audiences ?? []).map(line), advice].filter((words) => words !== "").join(". "); })()'
    )


def _explain(canvas: Canvas) -> None:
    canvas.note(
        "Preview or sync an audience by form",
        "For marketers: the form stands behind a login, offers the audiences of the workspace and shows the figures "
        "on its last page. Export again when audiences come or go.",
        at=(-0.1, -0.8),
        size=(2.9, 1.5),
        color=4,
    )
    canvas.note(
        "Choices are checked twice",
        "n8n takes whatever a form sends. The choice is held against the list, and Passerelle checks the name again.",
        at=(0.9, 2.1),
        size=(1.9, 1.4),
    )
    canvas.note(
        "A failure is told twice",
        "The marketer reads it on the page; then the run ends as failed, so that the people in charge hear of it too.",
        at=(6.9, 2.6),
        size=(2.2, 1.2),
        color=5,
    )


__all__ = ["PREVIEW", "SYNC", "draw"]
