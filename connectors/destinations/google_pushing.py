"""Sends rows of which some may be bad: Google refuses all of them for one, and often says which one it was.

Rows that it names are set aside and the rest is sent again; where it names none, halves are sent until the bad ones
stand alone. What went through, what was set aside and what was left when the calls ran out are all told.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from passerelle.connectors.destinations.google_errors import UNNAMED, RequestRefused, RowsRefused
from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater

CALLS = 128
"""Of the 300 a minute that Google allows a project, as many as one push may use to find its bad rows.

Enough for four bad rows among 10,000 that Google does not name, and for thousands that it does.
"""
PATIENT = 16
"""Calls after which the rest is halved even where Google names rows: it may be naming one at a time."""
Places = np.ndarray


@dataclass(slots=True)
class Pushed:
    """Ids of the requests that went through and how many rows each held; rows set aside: place -> Google's reason.

    `left` are rows that were never tried without a bad one among them: the next run sends those.
    """

    request_ids: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)


def push(count: int, send: Callable[[Places], str]) -> Pushed:
    """Send rows 0 to `count` by `send(places)`. Raises what `send` raises, unless it blames rows.

    Once a part went through, a failure of another is an `OutcomeUnknown`: some of the people are in. Where Google
    refuses most rows, or nothing went through, it is us who are wrong: that is `Refused`, and nobody is set aside.
    """
    done = Pushed()
    waiting = deque([np.arange(count)])
    for calls in range(1, CALLS + 1):
        if not waiting:
            break
        places = waiting.popleft()
        try:
            done.request_ids.append(send(places))
            done.sizes.append(len(places))
        except RowsRefused as refusal:
            rest = _without(places, refusal.by_row, done)
            waiting.extend(rest if calls <= PATIENT else [half for part in rest for half in _halves(part)])
        except RequestRefused:
            if len(places) == count == 1:
                raise
            waiting.extend(_halved(places, done))
        except (Refused, TryLater) as problem:
            raise _after(done, problem) from None
        if len(done.bad) > max(CALLS, count // 2):
            raise _wrong(done)
    done.left = [int(place) for places in waiting for place in places]
    if done.left and not done.request_ids:
        raise _wrong(done)
    return done


def _without(places: Places, by_row: Mapping[int, str], done: Pushed) -> list[Places]:
    """The rest, once the rows that Google named are set aside. A place beyond the request means we misread it."""
    named = [place for place in by_row if place < len(places)]
    if not named:
        return _halved(places, done)
    done.bad.update({int(places[place]): by_row[place] for place in named})
    rest = np.delete(places, named)
    return [rest] if len(rest) else []


def _halved(places: Places, done: Pushed) -> list[Places]:
    """Both halves; a single row is the bad one, and is set aside."""
    if len(places) == 1:
        done.bad[int(places[0])] = UNNAMED
        return []
    return _halves(places)


def _halves(places: Places) -> list[Places]:
    middle = len(places) // 2
    return [half for half in (places[:middle], places[middle:]) if len(half)]


def _wrong(done: Pushed) -> Refused | TryLater:
    reason = next(iter(done.bad.values()), UNNAMED)
    told = Refused(f"Google refuses most of the rows ({reason}).", advice="Report this as a defect of Passerelle.")
    return _after(done, told)


def _after(done: Pushed, problem: Refused | TryLater) -> Refused | TryLater:
    if not done.request_ids:
        return problem
    return OutcomeUnknown(f"Only a part was sent: {problem.message}", advice=problem.advice)
