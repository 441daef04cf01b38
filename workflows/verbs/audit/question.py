"""A question as a value: what it is called, what it shows, what a finding is, who answers it, how the answer looks.

Most of the auditor's questions have this shape. Their answers have one shape, too: facts, tables, findings.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import Field

from passerelle.workflows.verbs.audit.asof import AsOf, AsOfRequest, resolved
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

    from passerelle.privacy.audit.answer import Answer
    from passerelle.privacy.audit.known import Known
    from passerelle.workflows.workspace import Workspace

Q = TypeVar("Q", bound=AsOfRequest)
Line = dict[str, Any]


class AnswerResult(Result):
    """The answer to one question. Holds names, counts, times and pseudonyms, and no identifier."""

    question: str = ""
    log_size: int = Field(0, description="Entries of the log that the answer rests on.")
    as_of: str | None = Field(None, description="The instant it is true of, in UTC.")
    facts: Line = Field(default_factory=dict, description="Single values by name.")
    tables: dict[str, list[Line]] = Field(default_factory=dict, description="Lines by the table's name.")
    findings: list[Line] = Field(default_factory=list, description="What is not as it must be: a sentence and a count.")


@dataclass(frozen=True, slots=True)
class Columns:
    """How a table of the answer looks in a terminal: which of its columns, as words, numbers, remarks."""

    table: str
    title: str
    words: Sequence[str] = ()
    numbers: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A table of one line, shown as what each thing is called and what it is."""

    table: str
    title: str


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q]):
    """What a question may look at. Nothing can be written through `connection`'s transaction: it only reads."""

    environment: Environment
    workspace: "Workspace"
    connection: "Connection"
    request: Q
    until: AsOf

    @property
    def now(self) -> int:
        """Microseconds UTC: the clock, whatever the question is about."""
        return self.environment.now()

    def known(self) -> "Known":
        """The store as it was known then, judged by the policy of then."""
        from passerelle.privacy.audit.known import Known

        # Before the first entry nothing was known; the genesis alone says nothing of anybody, either.
        gate, until = self.workspace.gate(), self.until
        then = gate.as_of(self.connection, max(until.log_size, 1)) if until.past else None
        return Known(self.workspace.store(), self.connection, gate, until.log_size, until.at, then)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `finding` completes the sentence "A finding is …"."""

    name: str
    help: str
    finding: str
    ask: "Callable[[Asked[Any]], Answer]"
    columns: Sequence[Columns | Card] = ()
    request: type[AsOfRequest] = AsOfRequest
    remote: bool = False
    """True: the runner may ask it, too."""

    def verb(self) -> AnyVerb:
        """The question as a verb of the command line."""
        return Verb(
            name=f"audit {self.name}",
            help=f"{self.help} A finding is {self.finding}.",
            request=self.request,
            result=AnswerResult,
            run=self._answered,
            render=self._shown,
            remote=self.remote,
        )

    def _answered(self, environment: Environment, request: AsOfRequest) -> AnswerResult:
        from passerelle.privacy.audit.times import iso
        from passerelle.workflows.workspace import Workspace

        with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
            until = resolved(workspace, connection, request, environment.now())
            answer = self.ask(Asked(environment, workspace, connection, request, until))
        return AnswerResult(
            outcome=_outcome(answer),
            advice=answer.advice if answer.findings else "",
            question=self.name,
            log_size=until.log_size,
            as_of=iso(until.at),
            facts=answer.facts,
            tables=answer.tables,
            findings=[asdict(one) for one in answer.findings],
        )

    def _shown(self, result: AnswerResult, console: "Console") -> None:
        from passerelle.workflows.verbs.audit import readable

        readable.show(self.columns, result, console)


def _outcome(answer: "Answer") -> Outcome:
    if answer.broken:
        return Outcome.INTEGRITY_FAILURE
    return Outcome.HELD_BACK if answer.findings else Outcome.DONE
