"""Plays the main job: each verb runs as the command line would run it, against twins in a process of their own."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from passerelle.connectors.twins.handle import Twins, subprocess_twins
from passerelle.privacy.errors import DefinitionError, HeldBack, PasserelleError
from passerelle.privacy.store import tables as t
from passerelle.workflows.cli import runs
from passerelle.workflows.verbs.contract import Environment, Outcome, Result
from passerelle.workflows.verbs.demo import AudienceLine, DemoResult, LogLine, WithdrawalLine
from passerelle.workflows.verbs.failure import completed
from passerelle.workflows.verbs.registry import verbs
from passerelle.workflows.verbs.sync import Sent, SyncedAudience, SyncResult
from passerelle.workflows.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console

MARK = ".passerelle-demo"
SEGMENTS = ("lapsing_champions", "cart_abandoners", "newsletter_readers")
TWIN_STATE = "var/twins.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays, and how it speaks."""

    folder: Path
    console: "Console"
    surroundings: Environment

    def say(self, text: str) -> None:
        """A line of the story."""
        self.console.print(f"\n[bold]{text}[/bold]")

    def call(self, shown: str, **request: object) -> Any:  # noqa: ANN401 - the verb's own result model
        """Run a verb as its command line would, show its table, return its result. Raises where it did not end well."""
        name = max((each.name for each in verbs() if f"{shown} ".startswith(f"{each.name} ")), key=len)
        called = next(each for each in verbs() if each.name == name)
        self.console.print(f"$ passerelle {shown}", style="dim", markup=False)
        now = self.surroundings.now
        run_id = runs.new_run_id(now()) if called.recorded else ""
        environment = replace(self.surroundings, workspace=self.folder, run_id=run_id)
        if called.recorded:
            with runs.watched(self.folder) as opened:
                runs.begin(opened, run_id, name, now())
        result = completed(called.run(environment, called.request.model_validate(request)))
        if called.recorded:
            runs.end(self.folder, run_id, result, now())
        called.render(result, self.console)
        if result.outcome is not Outcome.DONE:
            raise _as_problem(name, result)
        return result


def play(environment: Environment, folder: Path, *, people: int, console: "Console") -> DemoResult:
    """The whole story, from an empty folder to a verified log."""
    stage = Stage(_fresh(folder), console, environment)
    stage.say(f"1. A French shop with {people:,} people, as messy as life")
    made = stage.call(f"init {shlex.quote(str(folder))} --people {people}", folder=stage.folder, people=people)
    (stage.folder / MARK).touch()
    with ExitStack() as open_things:
        stage.say("2. Local twins of Meta and Google, as strict as the platforms")
        twins = open_things.enter_context(_twins(stage.folder))
        stage.say("3. Contacts, consents, orders and web events come in")
        stage.call("pull")
        stage.say("4. Three segments")
        for name in SEGMENTS:
            stage.call(f"segment preview {name}", name=name)
        stage.say("5. Only people who agreed are sent; everybody else is withheld with a reason")
        synced = stage.call("sync")
        stage.say("6. One person withdraws, and is taken out everywhere")
        somebody = _somebody(stage.folder)
        withdrawn = stage.call(f"consent withdraw --subject-ref {somebody}", subject_ref=somebody)
        removed = stage.call("sync --removals-only", removals_only=True)
        stage.say("7. The log proves it")
        verified = stage.call("audit verify")
        lines = [_line(stage.folder, twins, row, removed) for row in synced.audiences]
    confirmed = sum(row.accepted for row in removed.audiences if row.sent.removes)
    return DemoResult(
        people=made.people,
        events=made.events,
        audiences=lines,
        withdrawal=WithdrawalLine(queued=withdrawn.queued, confirmed=confirmed),
        log=LogLine(size=verified.size, root=verified.root, verified=verified.outcome == "done"),
        workspace=str(stage.folder),
    )


def _fresh(folder: Path) -> Path:
    """The demo's folder, emptied if it is from an earlier demo; nothing else is ever deleted."""
    folder = folder.absolute()
    if (folder / MARK).is_file():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise DefinitionError("The demo's folder holds something else.", advice="Name another one: --folder DIR.")
    return folder


@contextmanager
def _twins(folder: Path) -> Iterator[Twins]:
    """Twins on free ports; their addresses stand in passerelle.yaml for as long as they run."""
    settings = folder / "passerelle.yaml"
    text = settings.read_text(encoding="utf-8")
    with subprocess_twins("--state", str(folder / TWIN_STATE)) as twins:
        adapted = text.replace("http://127.0.0.1:8701", twins.meta)
        adapted = adapted.replace("127.0.0.1:8702", twins.google["data_manager"])
        settings.write_text(adapted.replace("127.0.0.1:8703", twins.google["google_ads"]), encoding="utf-8")
        try:
            yield twins
        finally:
            settings.write_text(text, encoding="utf-8")


def _somebody(folder: Path) -> str:
    """The subject_ref of somebody who is in most audiences, always the same for the same shop."""
    m = t.membership.c
    places = func.count().label("places")
    statement = (
        select(t.subject.c.subject_ref)
        .join_from(t.membership, t.subject, m.subject_id == t.subject.c.subject_id)
        .where(m.state == "member")
        .group_by(t.subject.c.subject_ref, m.subject_id)
        .order_by(places.desc(), m.subject_id)
    )
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        found = connection.execute(statement).scalar()
    if found is None:
        raise HeldBack("Nobody was sent, so nobody can withdraw.", advice="Run the demo with more people.")
    return str(found)


def _line(folder: Path, twins: Twins, first: SyncedAudience, removed: SyncResult) -> AudienceLine:
    """One audience after the first sync and the withdrawal: the rows of both, and who is there at the end."""
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        where = (
            t.remote_audience.c.audience == first.audience,
            t.remote_audience.c.destination == first.destination,
        )
        remote_id = connection.execute(select(t.remote_audience.c.remote_id).where(*where)).scalar()
    rows = [first, *(row for row in removed.audiences if (row.audience, row.destination) == _key(first))]
    return AudienceLine(
        audience=first.audience,
        destination=first.destination,
        members=rows[-1].members,
        withheld=first.withheld,
        sent=Sent(adds=sum(row.sent.adds for row in rows), removes=sum(row.sent.removes for row in rows)),
        accepted=sum(row.accepted for row in rows),
        rejected=sum(row.rejected for row in rows),
        pending=sum(row.pending for row in rows),
        at_platform=twins.count(str(remote_id)) if remote_id else 0,
    )


def _key(row: SyncedAudience) -> tuple[str, str]:
    return row.audience, row.destination


def _as_problem(verb: str, result: Result) -> PasserelleError:
    """What a verb that did not end well came to."""
    problem = PasserelleError(f"`passerelle {verb}` ended with {result.outcome.value}.", advice=result.advice)
    problem.outcome = result.outcome.value
    return problem
