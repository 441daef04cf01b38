"""One run of one verb: surroundings made safe, request checked, run recorded, result printed."""

import gc
import io
import logging
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from passerelle.workflows.cli import journal, runs
from passerelle.workflows.cli.boundary import Terminated, attempt, quiet_hooks
from passerelle.workflows.cli.commands import Call
from passerelle.workflows.cli.printing import Printer
from passerelle.workflows.cli.progress import progress_for
from passerelle.workflows.cli.requests import request_of
from passerelle.workflows.settings.names import PROJECT
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result
from passerelle.workflows.verbs.failure import Failure, completed

_log = logging.getLogger(__name__)


RARELY = (200_000, 20, 100)
"""How often to search for garbage: else imports alone set off hundreds of searches, a fifth of a command's time."""


def harden() -> None:
    """New files are private, no core dump is written, no hook prints a value; and garbage waits for a heap of it."""
    gc.set_threshold(*RARELY)
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):  # whatever the machine's language, and whatever a name holds
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet_hooks()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries quote what they warn of


def run(call: Call, folder: Path) -> int:
    """Carry out `call` from `folder`; the exit code to leave with."""
    from passerelle.workflows.workspace import nearest

    common = call.common
    journal.set_up(verbose=common.verbose, quiet=common.quiet)
    printer = Printer.choose(json=common.json, report=common.report)
    workspace = common.workspace.absolute() if common.workspace is not None else nearest(folder)
    crashes = workspace / "var" if (workspace / PROJECT).is_file() else None
    with _stoppable():
        result = attempt(partial(_carry_out, call, workspace, crashes), crashes)
    if isinstance(result, Failure):
        return printer.print_failure(result, streams=call.verb.streams)
    return printer.print_result(call.verb, result)


def _carry_out(call: Call, workspace: Path, crashes: Path | None) -> Result:
    verb = call.verb
    request = request_of(verb, call.words, call.common.request_b64)
    recorded = verb.recorded and (workspace / PROJECT).is_file()
    environment = Environment(
        workspace=workspace,
        now=_now,
        stdin=sys.stdin.buffer,
        stdout=sys.stdout.buffer,
        progress=progress_for(sys.stderr, quiet=call.common.quiet),
        run_id=runs.new_run_id(_now()) if verb.recorded else "",
    )
    if not recorded:
        return _work(verb, environment, request)
    return _record(verb, environment, request, crashes)


def _work(verb: AnyVerb, environment: Environment, request: Request) -> Result:
    result: Result = verb.run(environment, request)
    return completed(result)


def _record(verb: AnyVerb, environment: Environment, request: Request, crashes: Path | None) -> Result:
    workspace, run_id = environment.workspace, environment.run_id
    with runs.watched(workspace) as opened:
        runs.begin(opened, run_id, verb.name, environment.now())
        result = attempt(partial(_work, verb, environment, request), crashes)
        ended = attempt(partial(runs.end, workspace, run_id, result, environment.now()), crashes)
    if isinstance(ended, Failure):
        if ended.outcome is Outcome.INTEGRITY_FAILURE:
            return ended
        _log.warning("the end of this run could not be kept; status shows it as unfinished")
    return result


def _now() -> int:
    return time.time_ns() // 1000


@contextmanager
def _stoppable() -> Iterator[None]:
    """While the block lasts, SIGTERM ends it like Ctrl-C: in order, and with an outcome."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
