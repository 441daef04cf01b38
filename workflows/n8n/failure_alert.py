"""Workflow 4: the error workflow. It says in Slack and by e-mail what happened, what it means and what to do."""

from passerelle.workflows.n8n.answers import MEANINGS, meanings
from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import expression, literal
from passerelle.workflows.n8n.nodes import EmailSend, ErrorTrigger, Node, OnError, Retry, SetJson, Slack
from passerelle.workflows.n8n.options import MAIL, SLACK, Options
from passerelle.workflows.n8n.settings import ALERT, canvas_of
from passerelle.workflows.verbs.contract import Outcome


def draw(options: Options) -> Canvas:
    """The workflow."""
    canvas = canvas_of(ALERT, options)
    failure = canvas.add(ErrorTrigger(name="When a workflow failed"), 0, 0)
    say = canvas.add(SetJson(name="Say what happened", text=_message()), 1, 0)
    canvas.connect(failure, say)
    text = expression("$json.text")
    canvas.connect(say, slack(canvas, options, "Tell Slack", text, (2, -0.5)))
    canvas.connect(say, mail(canvas, options, "Send an e-mail", (expression("$json.subject"), text), (2, 0.5)))
    canvas.note(
        "Tell people what failed",
        "The other workflows name this one as their error workflow; it must be published. Slack and e-mail are tried "
        "apart, so that one of them failing does not silence the other.",
        at=(-0.1, -1.8),
        size=(2, 1.3),
        color=4,
    )
    canvas.note(
        "Only what Passerelle wrote is passed on",
        "The message is an outcome and an advice. Any other error's own text is left out, since it could quote data; "
        "the node that failed is named instead.",
        at=(-0.1, 1),
        size=(2, 1.3),
    )
    return canvas


def slack(canvas: Canvas, options: Options, name: str, text: str, at: tuple[float, float]) -> Node:
    """Draw a message to the channel; a failure of Slack fails nothing else."""
    retry = Retry(3, 5000)
    node = Slack(
        name=name, credential=SLACK, channel=options.slack_channel, text=text, retry=retry, on_error=OnError.CONTINUE
    )
    return canvas.add(node, *at)


def mail(canvas: Canvas, options: Options, name: str, words: tuple[str, str], at: tuple[float, float]) -> Node:
    """Draw an e-mail of `words`, subject and text; a failure of the mail server fails nothing else."""
    node = EmailSend(
        name=name,
        credential=MAIL,
        sender=options.mail_from,
        recipient=options.mail_to,
        subject=words[0],
        text=words[1],
        retry=Retry(3, 5000),
        on_error=OnError.CONTINUE,
    )
    return canvas.add(node, *at)


def _message() -> str:
    """Takes `[outcome] step: advice` apart; anything else is named by its node only."""
    failed = Outcome.FAILED.value
    return expression(
        f"(() => {{ const meanings = {literal(meanings())}; "
        "const run = $json.execution ?? { }; const error = run.error ?? ($json.trigger ?? { }).error ?? { }; "
        'const parts = /^\\[([a-z_]+)\\] ([a-z ]+): ([^]*)$/.exec(String(error.message ?? "")); '
        "const ours = parts !== null && meanings[parts[1]] !== undefined; "
        f"const word = ours ? parts[1] : {literal(failed)}; "
        'const node = "the node “" + (run.lastNodeExecuted ?? "start") + "”"; '
        'const where = ours ? "`passerelle " + parts[2] + "`" : node; '
        "const meaning = meanings[word]; const name = $json.workflow.name; "
        'const text = ["What happened: " + meaning.headline + ", at " + where + " in “" + name + "”.", '
        '"What it means: " + meaning.means, '
        '"What to do: " + (ours && parts[3].trim() !== "" ? parts[3].trim() : meaning.do), '
        'run.url ? "Run: " + run.url : ""].filter((line) => line !== "").join("\\n"); '
        'const subject = "Passerelle: " + meaning.headline.toLowerCase() + " (" + name + ")"; '
        "return JSON.stringify({ outcome: word, subject, text }); })()"
    )


__all__ = ["MEANINGS", "draw", "mail", "slack"]
