"""A step of a workflow: call one verb, read its answer strictly, route on its outcome, wait and try again."""

from dataclasses import dataclass

from passerelle.workflows.n8n.answers import UNREACHABLE, UNREADABLE
from passerelle.workflows.n8n.canvas import Canvas
from passerelle.workflows.n8n.expressions import command_line, expression, literal
from passerelle.workflows.n8n.nodes import (
    ExecuteCommand,
    HttpRequest,
    Node,
    OnError,
    Retry,
    SetJson,
    StopAndError,
    Switch,
    Wait,
)
from passerelle.workflows.n8n.options import RUNNER, Options
from passerelle.workflows.verbs.contract import Outcome

SETTINGS = "Settings"
"""The Set node each workflow begins with; expressions read the run's name and its patience from there."""

_FROM_SETTINGS = f'$("{SETTINGS}").first().json'
_HOUR_MS = 3_500_000


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `request` is JavaScript for the verb's request object; `title` names the node."""

    verb: str
    title: str
    request: str = "{ }"

    @property
    def answer(self) -> str:
        """The name of the node whose item is the answer."""
        return f"Read the answer: {self.title.lower()}"


def settings(options: Options) -> SetJson:
    """The first node: a name for the run, and how patient it is."""
    pace = options.pace
    code = (
        'JSON.stringify({ run: $execution.id + "-" + $now.toMillis(), audiences: [], '
        f"attempts: {pace.attempts}, first_wait: {pace.first_wait:g}, longest_wait: {pace.longest_wait:g}, "
        f"polls: {pace.polls}, poll_wait: {pace.poll_wait:g} }})"
    )
    return SetJson(name=SETTINGS, text=expression(code), notes="audiences: [] means all of them")


def setting(name: str) -> str:
    """JavaScript for one value of the Settings node."""
    return f"{_FROM_SETTINGS}.{name}"


def call(canvas: Canvas, options: Options, step: Step, column: float, row: float) -> tuple[Node, Node]:
    """Draw the call and the node that reads its answer; they are (entry, exit).

    The exit's item is `{step, outcome, advice, result}`. No answer, an empty one or one that is not a result is
    `failed`; a runner that cannot be reached is `try_later`.
    """
    run: Node = _by_command(options, step) if options.via == "command" else _by_http(options, step)
    read = SetJson(name=step.answer, text=_reader(options, step))
    canvas.add(run, column, row)
    canvas.add(read, column + 1, row)
    canvas.connect(run, read)
    canvas.connect(run, read, "error")
    return run, read


def _by_command(options: Options, step: Step) -> ExecuteCommand:
    words = [options.program, *step.verb.split(), "--workspace", options.workspace, "--report"]
    return ExecuteCommand(name=step.title, command=command_line(words, step.request), on_error=OnError.ERROR_OUTPUT)


def _by_http(options: Options, step: Step) -> HttpRequest:
    path = step.verb.replace(" ", "/")
    # A retry by n8n has the same key, so it is the same run; a new round of the loop is a new one.
    key = f'{setting("run")} + "-{path.replace("/", "-")}-" + $runIndex'
    return HttpRequest(
        name=step.title,
        url=f"{options.runner_url.rstrip('/')}/v1/{path}",
        credential=RUNNER,
        body=expression(f"JSON.stringify({step.request})"),
        headers={"Idempotency-Key": expression(f'$workflow.id + "-" + {key}')},
        timeout_ms=_HOUR_MS,
        retry=Retry(3, 5000),
        on_error=OnError.ERROR_OUTPUT,
    )


def _reader(options: Options, step: Step) -> str:
    text = "$json.stdout" if options.via == "command" else "$json.data"
    lost = {"outcome": Outcome.FAILED.value, "advice": UNREADABLE}
    away = {"outcome": Outcome.TRY_LATER.value, "advice": UNREACHABLE}
    silent = literal(lost) if options.via == "command" else f"$json.error ? {literal(away)} : {literal(lost)}"
    words = literal([word.value for word in Outcome])
    return expression(
        f"(() => {{ let answer = null; try {{ answer = JSON.parse({text}); }} catch (problem) {{ answer = null; }} "
        f"if (answer === null || !{words}.includes(answer.outcome)) {{ answer = {silent}; }} "
        # A verb about many audiences or sources says in a row of its own what happened to each.
        "const rows = Array.isArray(answer.audiences ?? answer.sources) ? answer.audiences ?? answer.sources : []; "
        "const worst = rows.find((row) => row.problem && row.outcome === answer.outcome) ?? { }; "
        'const where = [worst.audience ?? worst.source, worst.destination].filter((name) => name).join(" at "); '
        'const problem = worst.problem ? where + ": " + worst.problem : ""; '
        f"return JSON.stringify({{ step: {literal(step.verb)}, outcome: answer.outcome, "
        'advice: [answer.message, problem, answer.advice].filter((words) => words).join(" ").slice(0, 600), '
        "result: answer }); })()"
    )


def outcome_is(*words: Outcome) -> str:
    """A Switch condition: the answer's outcome is one of these."""
    return expression(f"{literal([word.value for word in words])}.includes($json.outcome)")


def may_try_again() -> str:
    """A Switch condition: worth another try, and tries are left."""
    return expression(f'$json.outcome === "try_later" && $runIndex + 1 < {setting("attempts")}')


ROUTES: tuple[tuple[str, str], ...] = (
    ("done", outcome_is(Outcome.DONE)),
    ("pending", outcome_is(Outcome.PENDING)),
    ("try later", may_try_again()),
    ("held back", outcome_is(Outcome.HELD_BACK)),
    ("consent stale", outcome_is(Outcome.CONSENT_STALE)),
    ("refused", outcome_is(Outcome.REFUSED)),
)
"""The routes of a step in order; everything else, tries used up included, is `failed`."""


def route(canvas: Canvas, name: str, column: float, row: float, rules: tuple[tuple[str, str], ...] = ROUTES) -> Switch:
    """Draw the check after a step."""
    return canvas.add(Switch(name=name, rules=rules, fallback="failed"), column, row)


def back_off(canvas: Canvas, name: str, column: float, row: float) -> Wait:
    """Draw the pause of a loop: it doubles, or is what the other side asked for, up to the longest wait."""
    doubled = f"{setting('first_wait')} * Math.pow(2, $runIndex)"
    code = f"Math.min({setting('longest_wait')}, Math.max({doubled}, $json.result.wait_seconds ?? 0))"
    return canvas.add(Wait(name=name, seconds=expression(code)), column, row)


@dataclass(frozen=True, slots=True)
class Checked:
    """A step with its check: `entry` starts it, `check` has the routes, of which `try later` is already wired."""

    entry: Node
    read: Node
    check: Switch


def checked(canvas: Canvas, options: Options, step: Step, column: float, row: float) -> Checked:
    """Draw call, answer, check and the back-off loop: three columns wide."""
    entry, read = call(canvas, options, step, column, row)
    check = route(canvas, f"Check: {step.title.lower()}", column + 2, row)
    canvas.connect(read, check)
    wait = back_off(canvas, f"Back off: {step.title.lower()}", column + 1, row + 1)
    canvas.connect(check, wait, "try later")
    canvas.connect(wait, entry)
    return Checked(entry, read, check)


def stop(canvas: Canvas, name: str, column: float, row: float, *, item: str = "$json") -> StopAndError:
    """Draw a failed end. Its message is the outcome, the step and the advice, which the error workflow takes apart."""
    code = f'"[" + {item}.outcome + "] " + {item}.step + ": " + {item}.advice'
    return canvas.add(StopAndError(name=name, message=expression(code)), column, row)
