"""The one place where every error ends: it becomes a result that quotes no value."""

import errno
import os
import re
import secrets
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from passerelle.privacy.errors import IntegrityError, PasserelleError, Stopped, TryLater
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import Failure, completed, failure_of

T = TypeVar("T")


_FULL = TryLater("The disk is full.", advice="Make room, then run it again.")
_CLOSED = PasserelleError("A file or folder may not be written.", advice="Who owns it, and may we write there?")
_BUSY = TryLater("The control store is busy.", advice="Wait for the other run to end.")
_DAMAGED = IntegrityError(
    "The control store is damaged.",
    advice="Send nothing. Keep the file aside, and put the last good copy in its place.",
)
_UNWRITABLE = PasserelleError(
    "The control store may not be written.", advice="Who owns its file and folder, and may we write there?"
)
_NO_MEMORY = TryLater(
    "The machine had no memory left for this.",
    advice="Close what else runs there, or give it more memory (see `engine.memory`); then run it again.",
)
_FAILING = TryLater("The disk did not do what was asked.", advice="Is it full, or failing? Then run again.")
_STORE: dict[str, PasserelleError] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _FAILING,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": _UNWRITABLE,
    "SQLITE_CANTOPEN": _UNWRITABLE,
    "SQLITE_PERM": _UNWRITABLE,
}
"""What SQLite's names of errors mean, by how they begin."""


_NO_REASON = re.compile(r"(return without|without setting an) exception( set)?\Z")
"""What Python 3.11 says in a `SystemError` where there is no memory for another frame: that there is no reason."""

_MACHINE: dict[int, PasserelleError] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _CLOSED),
    errno.EIO: _FAILING,
    errno.ENOMEM: _NO_MEMORY,
}
"""What the machine's numbers of errors mean."""


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to stop (SIGTERM). What was begun is finished by the next run."""


def attempt(work: Callable[[], T], crash_folder: Path | None) -> T | Failure:
    """What `work` returns, or the failure it ends in. `crash_folder` is where an unexpected error leaves its frames."""
    try:
        return work()
    except KeyboardInterrupt:
        return failure_of(Stopped())
    except PasserelleError as error:
        return failure_of(error)
    except Exception as error:  # noqa: BLE001 - the one boundary: nothing of an unknown error may be shown
        return _translated(error) or _unexpected(error, crash_folder)


def _translated(error: Exception) -> Failure | None:
    """Errors of the machine and of the store that a person can do something about."""
    chain = [error, *filter(None, [getattr(error, "orig", None), error.__cause__])]
    told = next((problem for each in chain if (problem := _of_machine(each) or _of_store(each))), None)
    return None if told is None else failure_of(told)


def _of_machine(error: BaseException) -> PasserelleError | None:
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and _NO_REASON.search(str(error))):
        return _NO_MEMORY
    return _MACHINE.get(error.errno) if isinstance(error, OSError) and error.errno is not None else None


def _of_store(error: BaseException) -> PasserelleError | None:
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    if "psycopg.OperationalError" in kinds:  # or one of its many kinds, such as AdminShutdown
        return TryLater("The control store cannot be reached.", advice="Is PostgreSQL running?")
    named = getattr(error, "sqlite_errorname", "")
    return next((problem for start, problem in _STORE.items() if named.startswith(start)), None)


def _unexpected(error: Exception, crash_folder: Path | None) -> Failure:
    reference = secrets.token_hex(6)
    written = _write_crash(error, crash_folder, reference)
    advice = (
        f"The report var/crash-{reference}.txt says where it happened, without any data: please pass it on."
        if written
        else "Run it again with a workspace to get a report that can be passed on."
    )
    message = f"Something unexpected happened ({type(error).__name__})."
    return completed(Failure(outcome=Outcome.FAILED, message=message, advice=advice, reference=reference))


def _write_crash(error: BaseException, folder: Path | None, reference: str) -> bool:
    if folder is None:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / f"crash-{reference}.txt", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(frames(error)) + "\n")
    return True


def frames(error: BaseException) -> list[str]:
    """Classes and places of an error and its causes: no message, no source line, no local."""
    lines: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        lines.append(f"{type(each).__module__}.{type(each).__qualname__}")
        lines += [
            f"  {Path(frame.f_code.co_filename).as_posix()}:{line} in {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(each.__traceback__)
        ]
        each = each.__cause__ or each.__context__
    return lines


def quiet_hooks() -> None:
    """Make errors outside the boundary (threads, shutdown) show their class only."""
    import threading

    def show(kind: type[BaseException], _value: object = None, _trace: object = None) -> None:
        sys.stderr.write(f"passerelle: unexpected {kind.__name__}\n")

    def show_thread(given: threading.ExceptHookArgs) -> None:
        show(given.exc_type)

    def show_unraisable(given: "sys.UnraisableHookArgs") -> None:
        show(given.exc_type)

    sys.excepthook = show
    sys.unraisablehook = show_unraisable
    threading.excepthook = show_thread
