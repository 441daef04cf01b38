"""What every verb promises, whoever calls it: the command line, a workflow's `--request-b64`, or the runner.

A verb is data: a pydantic request, a pydantic result, a function between them, and a renderer for people.
Modules of verbs import nothing heavy at their top: `--help` loads them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from rich.console import Console


class Part(BaseModel):
    """A part of a result: nothing is in it that its model does not name."""

    model_config = ConfigDict(extra="forbid")


class Outcome(StrEnum):
    """A word per exit code. Workflows route on it."""

    DONE = "done"
    FAILED = "failed"
    INVALID = "invalid"
    HELD_BACK = "held_back"
    INTEGRITY_FAILURE = "integrity_failure"
    PENDING = "pending"
    CONSENT_STALE = "consent_stale"
    REFUSED = "refused"
    TRY_LATER = "try_later"


EXIT_CODES: dict[Outcome, int] = {
    Outcome.DONE: 0,
    Outcome.FAILED: 1,
    Outcome.INVALID: 2,
    Outcome.HELD_BACK: 3,
    Outcome.INTEGRITY_FAILURE: 4,
    Outcome.PENDING: 5,
    Outcome.CONSENT_STALE: 6,
    Outcome.REFUSED: 7,
    Outcome.TRY_LATER: 75,
}


class Request(BaseModel):
    """Base of every verb's request: strict, and closed. Each field is an option of the command line."""

    # Built when first used: `--help` looks at every verb's fields and validates none.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Result(BaseModel):
    """Base of every verb's result: the one JSON object on stdout. Counts, names and opaque references only."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)

    outcome: Outcome = Outcome.DONE
    exit_code: int = 0
    retryable: bool = False
    advice: str = ""


class Progress(Protocol):
    """Long work reports here: bars on a terminal, log lines elsewhere."""

    def step(self, label: str, *, total: int | None = None) -> "Step":
        """Begin a step; use it as a context manager."""
        ...


class Step(Protocol):
    """One step of long work."""

    def advance(self, count: int = 1) -> None:
        """Say that `count` more units are done."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Environment:
    """What a verb may know of its surroundings. Nothing below reads a clock, a stream or a folder of its own accord."""

    workspace: Path
    now: Callable[[], int]
    """Microseconds since 1970 UTC."""
    stdin: IO[bytes]
    stdout: IO[bytes]
    progress: Progress
    run_id: str = ""
    """Names this run in the table `run`, in batches and in the log; empty where the verb is not `recorded`."""


Q = TypeVar("Q", bound=Request)
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, slots=True)
class Verb(Generic[Q, R]):
    """One verb. `name` may have a space: `consent withdraw`. `remote`: the runner may call it."""

    name: str
    help: str
    request: type[Q]
    result: type[R]
    run: Callable[[Environment, Q], R]
    render: Callable[[R, "Console"], None]
    remote: bool = False
    streams: bool = False
    """True: the verb writes data to stdout itself (`normalize`, `schema`) and its result is not printed."""
    recorded: bool = False
    """True: it changes the workspace, so its start, end, outcome and result are kept in the table `run`."""


AnyVerb = Verb[Any, Any]
