"""Errors by what the caller does next.

    PasserelleError
    ├── DefinitionError     a file, row or key the user wrote is wrong: exit 2
    ├── HeldBack            a guard or an audit found something: exit 3
    ├── IntegrityError      a key, the log or the store is not what it must be: exit 4
    ├── StaleConsent        a mandatory consent source is too old: exit 6
    ├── Refused             a platform or source refused for good: exit 7
    └── TryLater            throttled, down, locked: exit 75

Messages and advice never hold an identifier, a hash, a token or a key: they name files, rows, columns and counts.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*\Z")
_DIGITS = re.compile(r"[0-9]{5}")
_LONGEST_NAME = 64


def quoted(word: object) -> str:
    """A word of a user's file or command as a message may repeat it: a name as we write names, else `…`.

    People paste what they have: where a name belongs, an address or a token may stand.
    """
    text = str(word)
    safe = len(text) <= _LONGEST_NAME and _NAME.match(text) and not _DIGITS.search(text)
    return f"`{text}`" if safe else "`…`"


class PasserelleError(Exception):
    """What went wrong, in one sentence, and what the person at the keyboard can do about it."""

    exit_code = 1
    outcome = "failed"
    retryable = False

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class DefinitionError(PasserelleError):
    """Something the user wrote is wrong. `path` leads to the key in its document; the loader turns it into a line."""

    exit_code = 2
    outcome = "invalid"

    def __init__(self, message: str, *, advice: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, advice=advice)
        self.path = path


class HeldBack(PasserelleError):
    """A guard held something back, or an audit found something. Nothing is broken; a person must look."""

    exit_code = 3
    outcome = "held_back"


class IntegrityError(PasserelleError):
    """A key does not fit, or the log or the store is not what it was. Nothing may be sent."""

    exit_code = 4
    outcome = "integrity_failure"


class StaleConsent(PasserelleError):
    """A mandatory consent source is too old: additions are refused, removals go out."""

    exit_code = 6
    outcome = "consent_stale"


class Refused(PasserelleError):
    """The other side refused for good: terms, permission, policy, a deleted audience."""

    exit_code = 7
    outcome = "refused"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the other side asked us to wait, in seconds; None when it did not say."""

    seconds: float | None = None


class TryLater(PasserelleError):
    """Throttled, down or locked: the same call may work later."""

    exit_code = 75
    outcome = "try_later"
    retryable = True

    def __init__(self, message: str, *, advice: str = "", wait: Wait | None = None) -> None:
        super().__init__(message, advice=advice)
        self.wait = wait or Wait()


class Stopped(TryLater):
    """Somebody asked this process to stop."""

    def __init__(self) -> None:
        super().__init__("The run was stopped.", advice="Run it again: it goes on where it stopped.")
