"""`serve`: the narrow runner, for an n8n that must hold neither keys nor people."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.connectors.sources.webhooks import Delivery
    from passerelle.workflows.runner.consent import ConsentDoor, Recorded
    from passerelle.workflows.runner.inbox import Inbox
    from passerelle.workflows.runner.server import RunnerServer
    from passerelle.workflows.workspace import Workspace


class ServeRequest(Request):
    """Where to listen, and who may ask."""

    host: str = Field("127.0.0.1", description="Address to listen at; 0.0.0.0 inside a container's private network.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen at; 0 takes a free one.")
    token_file: Path = Field(description="File with the token that callers send as `Authorization: Bearer`.")
    consent_key_file: Path | None = Field(None, description="File with the key that signs consent events.")
    ping_file: Path | None = Field(None, description="JSON file: where to knock after a withdrawal.")
    timeout: float = Field(3400.0, gt=0, le=86_400, description="Seconds after which a run is asked to stop.")


class ServeResult(Result):
    """The runner was stopped in order."""


def run(environment: Environment, request: ServeRequest) -> ServeResult:
    """Serve until SIGTERM or Ctrl-C; runs at work are asked to stop, and their answers still go out."""
    import json

    server, stop = _prepare(environment, request)
    host, port = server.server_address[:2]
    environment.stdout.write(json.dumps({"address": f"http://{host!s}:{port}"}).encode() + b"\n")
    environment.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        return ServeResult(advice="Stopped.")
    finally:
        stop()
        server.server_close()
    return ServeResult()


def _prepare(environment: Environment, request: ServeRequest) -> "tuple[RunnerServer, Any]":
    import time

    from passerelle.workflows.runner.allowed import routes
    from passerelle.workflows.runner.child import Children
    from passerelle.workflows.runner.desk import Desk
    from passerelle.workflows.runner.memory import Memory
    from passerelle.workflows.runner.secret import Secret
    from passerelle.workflows.runner.server import RunnerServer
    from passerelle.workflows.runner.turns import Turns
    from passerelle.workflows.verbs.registry import verbs
    from passerelle.workflows.workspace import Workspace

    def seconds() -> float:
        return environment.now() / 1_000_000

    ping = _ping(request, seconds)
    with Workspace.open(environment.workspace) as workspace:
        inboxes = _inboxes(environment, workspace, ping, seconds)
    children = Children(environment.workspace, request.timeout)
    desk = Desk(
        token=Secret.from_file(request.token_file),
        verbs=routes(verbs()),
        children=children,
        memory=Memory(time.monotonic),
        turns=Turns(),
        consent=_door(environment, request, ping, seconds),
        inboxes=inboxes,
    )
    server = RunnerServer((request.host, request.port), desk, environment.workspace / "var")
    return server, children.stop


def _ping(request: ServeRequest, seconds: Callable[[], float]) -> Callable[[], None]:
    from passerelle.workflows.runner.ping import Ping

    return Ping.from_file(request.ping_file, seconds) if request.ping_file is not None else (lambda: None)


def _inboxes(
    environment: Environment, workspace: "Workspace", ping: Callable[[], None], seconds: Callable[[], float]
) -> "dict[str, Inbox]":
    """A door for each source that is sent to."""
    import time

    from passerelle.connectors.sources.webhooks import Deletions, Webhooks
    from passerelle.workflows.pull.delivered import able
    from passerelle.workflows.runner.inbox import Inbox
    from passerelle.workflows.runner.memory import Memory

    def keeps(name: str) -> "Callable[[Sequence[Delivery]], bool]":
        return lambda deliveries: _keep(environment, name, deliveries)

    sources = (workspace.source(name) for name in workspace.sources)
    found = [source for source in sources if isinstance(source, Webhooks | Deletions)]
    for one in found:
        able(workspace, one)
    return {
        one.name: Inbox(one.name, one.receiver, keeps(one.name), ping, seconds, Memory(time.monotonic)) for one in found
    }


def _keep(environment: Environment, name: str, deliveries: "Sequence[Delivery]") -> bool:
    """Keep what was sent to a source, in this process; whether anybody has to leave."""
    from passerelle.workflows.pull.delivered import keep_delivered
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        source: Any = workspace.source(name)
        return keep_delivered(workspace, source, deliveries, now=environment.now()).removals > 0


def _door(
    environment: Environment, request: ServeRequest, ping: Callable[[], None], seconds: Callable[[], float]
) -> "ConsentDoor | None":
    import time

    from passerelle.workflows.runner.consent import ConsentDoor
    from passerelle.workflows.runner.memory import Memory
    from passerelle.workflows.runner.secret import Secret

    if request.consent_key_file is None:
        return None

    def record(events: list[dict[str, Any]]) -> "Recorded":
        return _record(environment, events)

    return ConsentDoor(
        key=Secret.from_file(request.consent_key_file),
        record=record,
        ping=ping,
        seconds=seconds,
        memory=Memory(time.monotonic),
    )


def _record(environment: Environment, events: list[dict[str, Any]]) -> "Recorded":
    """Record events in this process: what they say of people is never written to an argument or a file."""
    from passerelle.workflows.intake import record_events, statements_of
    from passerelle.workflows.runner.consent import Recorded
    from passerelle.workflows.workspace import Workspace

    statements = statements_of(events)
    with Workspace.open(environment.workspace) as workspace:
        found = record_events(workspace, statements, actor="runner/consent", now=environment.now())
    return Recorded(new=found.new, known=found.known, withdrawals=found.withdrawals)


def render(_result: ServeResult, console: "Console") -> None:
    """Say that it ended."""
    console.print("The runner was stopped.")


VERBS: list[AnyVerb] = [
    Verb(
        name="serve",
        help="Run the narrow runner that n8n calls where it must not hold keys.",
        request=ServeRequest,
        result=ServeResult,
        run=run,
        render=render,
        streams=True,
    ),
]
