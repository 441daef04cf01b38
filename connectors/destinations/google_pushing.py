"""Sends rows of which some may be bad: Google refuses all of them for one, and often says which one it was.

Rows that it names are set aside and the rest is sent again; where it names none, halves are sent until the bad ones
stand alone. What went through and what was set aside are both told.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from passerelle.connectors.destinations.google_errors import RequestRefused, RowsRefused
from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater

CALLS = 64
"""Of the 300 a minute that Google allows a project, as many as one push may use to find its bad rows."""
UNNAMED = "INVALID_AUDIENCE_MEMBER"
Places = np.ndarray


@dataclass(slots=True)
class Pushed:
    """Ids of the requests that went through, and the rows set aside: place -> Google's reason."""

    request_ids: list[str] = field(default_factory=list)
    sent: int = 0
    bad: dict[int, str] = field(default_factory=dict)


def push(count: int, send: Callable[[Places], str]) -> Pushed:
    """Send rows 0 to `count` by `send(places)`. Raises what `send` raises, unless it blames rows.

    Once a part went through, a failure of another is an `OutcomeUnknown`: some of the people are in.
    """
    done = Pushed()
    waiting = deque([np.arange(count)])
    calls = 0
    while waiting:
        places = waiting.popleft()
        calls += 1
        if calls > CALLS:
            raise _after(
                done, Refused("Google refuses too many rows.", advice="Report this as a defect of Passerelle.")
            )
        try:
            done.request_ids.append(send(places))
            done.sent += len(places)
        except RowsRefused as refusal:
            waiting.extend(_without(places, refusal.by_row, done))
        except RequestRefused as refusal:
            if len(places) == count == 1:
                raise
            waiting.extend(_halves(places, done))
            if len(done.bad) > CALLS:
                raise _after(done, refusal) from None
        except (Refused, TryLater) as problem:
            raise _after(done, problem) from None
    return done


def _without(places: Places, by_row: Mapping[int, str], done: Pushed) -> list[Places]:
    """The rest, once the rows that Google named are set aside. A place beyond the request means we misread it."""
    named = [place for place in by_row if place < len(places)]
    if not named:
        return _halves(places, done)
    done.bad.update({int(places[place]): by_row[place] for place in named})
    rest = np.delete(places, named)
    return [rest] if len(rest) else []


def _halves(places: Places, done: Pushed) -> list[Places]:
    if len(places) == 1:
        done.bad[int(places[0])] = UNNAMED
        return []
    middle = len(places) // 2
    return [places[:middle], places[middle:]]


def _after(done: Pushed, problem: Refused | TryLater) -> Refused | TryLater:
    if not done.request_ids:
        return problem
    return OutcomeUnknown(f"Only a part was sent: {problem.message}", advice=problem.advice)
