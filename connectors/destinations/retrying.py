"""Tries again inside one call, briefly: a hiccup should not end a run, and an outage should not hold it up."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from passerelle.connectors.errors import OutcomeUnknown, Outdated, Refused, TryLater

T = TypeVar("T")
TRIES = 3
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0
PATIENCE = 5.0
"""Seconds. Where the platform asks for a longer wait, the caller hears of it at once."""


def _brief(problem: BaseException) -> bool:
    if not isinstance(problem, TryLater) or isinstance(problem, Outdated):
        return False
    return problem.wait.seconds is None or problem.wait.seconds <= PATIENCE


def with_retries(call: Callable[[int], T], sleep: Callable[[float], None]) -> T:
    """Call `call(try_number)`, from 1, up to three times while it raises a `TryLater` that asks for no long wait.

    What ends it after a try that was never answered is an `OutcomeUnknown`: that try may have been applied.
    """
    unanswered = False

    def once() -> T:
        nonlocal unanswered
        try:
            return call(next(tries))
        except OutcomeUnknown:
            unanswered = True
            raise

    retrying = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
        retry=retry_if_exception(_brief),
        sleep=sleep,
        reraise=True,
    )
    tries = iter(range(1, TRIES + 1))
    try:
        return retrying(once)
    except (Refused, Outdated) as problem:
        if not unanswered:
            raise
        raise OutcomeUnknown(f"A try was not answered, and then: {problem.message}", advice=problem.advice) from None
