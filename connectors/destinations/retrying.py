"""Tries again inside one call, briefly: a hiccup should not end a run, and an outage should not hold it up."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from passerelle.connectors.errors import AlreadyThere, OutcomeUnknown, Outdated, Refused, TryLater

T = TypeVar("T")
TRIES = 3
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0
PATIENCE = 5.0
"""Seconds. Where the platform asks for a longer wait, the caller hears of it at once."""


_HICCUP = wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)


def _brief(problem: BaseException, patience: float) -> bool:
    if not isinstance(problem, TryLater) or isinstance(problem, Outdated):
        return False
    return problem.wait.seconds is None or problem.wait.seconds <= patience


def _pause(state: RetryCallState) -> float:
    """As long as the platform asked for; a little, and ever longer, where it did not say."""
    problem = state.outcome.exception() if state.outcome is not None else None
    asked = problem.wait.seconds if isinstance(problem, TryLater) else None
    return max(asked or 0.0, _HICCUP(state))


def with_retries(
    call: Callable[[int], T], sleep: Callable[[float], None], *, patience: float = PATIENCE, tries: int = TRIES
) -> T:
    """Call `call(try_number)`, from 1, up to `tries` times while it raises a `TryLater` that asks for no longer wait.

    `patience` is the longest wait, in seconds. What ends it after a try that was never answered is an
    `OutcomeUnknown`: that try may have been applied.
    """
    unanswered = False

    def once() -> T:
        nonlocal unanswered
        try:
            return call(next(numbers))
        except OutcomeUnknown:
            unanswered = True
            raise

    retrying = Retrying(
        stop=stop_after_attempt(tries),
        wait=_pause,
        retry=retry_if_exception(lambda problem: _brief(problem, patience)),
        sleep=sleep,
        reraise=True,
    )
    numbers = iter(range(1, tries + 1))
    try:
        return retrying(once)
    except (Refused, Outdated) as problem:
        if not unanswered or isinstance(problem, AlreadyThere):
            raise
        raise OutcomeUnknown(f"A try was not answered, and then: {problem.message}", advice=problem.advice) from None
