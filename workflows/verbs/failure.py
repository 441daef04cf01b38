"""What a verb says when it could not do its work, and how every result is completed."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from passerelle.privacy.errors import PasserelleError, TryLater
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.contract import EXIT_CODES, Outcome, Result


class Place(BaseModel):
    """One thing to repair in a file of the workspace."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    file: str = Field(description="File, relative to the workspace; empty where the message names it.")
    line: int = Field(description="Line, counted from 1; 0 where no line is meant.")
    message: str = Field(description="What is wrong, without the value.")


class Failure(Result):
    """The result of any verb that failed. `message` is for people; workflows route on `outcome`."""

    message: str = Field(description="What went wrong, in a sentence without personal data.")
    problems: list[Place] = Field(default_factory=list, description="Each thing to repair, where files are wrong.")
    wait_seconds: float | None = Field(None, description="How long the other side asked us to wait, if it did.")
    reference: str = Field("", description="Names the crash report in var/, where something unexpected happened.")


R = TypeVar("R", bound=Result)


def completed(result: R) -> R:
    """`result` with the exit code that belongs to its outcome."""
    result.exit_code = EXIT_CODES[result.outcome]
    result.retryable = result.retryable or result.outcome is Outcome.TRY_LATER
    return result


def failure_of(error: PasserelleError) -> Failure:
    """What `error` says, as a result."""
    problems = error.problems if isinstance(error, Unusable) else []
    return completed(
        Failure(
            outcome=Outcome(error.outcome),
            retryable=error.retryable,
            advice=error.advice,
            message=error.message,
            problems=[Place(file=each.file, line=each.line, message=each.message) for each in problems],
            wait_seconds=error.wait.seconds if isinstance(error, TryLater) else None,
        )
    )
