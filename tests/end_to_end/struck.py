"""Syncs that are struck down, run from a process of its own that has everything imported and forks for each.

python -m tests.end_to_end.struck       reads jobs, a JSON object a line; answers each with how the child ended

A job names a `folder` and a `thread`: `main`, or `lane0` and `lane1`, which push to one destination each. The child
writes `at`, the number of that thread, into the folder once it begins, and goes on when there is a file `go`. strace
counts calls for each thread alone, so whoever wants the k-th write of a thread attaches to that thread in between.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import passerelle.connectors.destinations.google_wire
import passerelle.connectors.destinations.meta_wire
import passerelle.segmentation
import passerelle.workflows.pull  # noqa: F401 - imported once, before the forks, since each child would do it again
from passerelle.workflows.cli.boundary import attempt
from passerelle.workflows.verbs.failure import Failure
from tests.end_to_end.rooms import Clock, Rooms
from tests.end_to_end.shop import NOWHERE, ShopWorkspace


class Gate:
    """A clock that holds one thread up, the first time it asks for the time."""

    def __init__(self, folder: Path, thread: str) -> None:
        self._folder = folder
        self._thread = thread
        self._waiting = thread != ""

    def now(self) -> int:
        name = threading.current_thread().name
        here = "main" if name == "MainThread" else f"lane{name.rpartition('_')[2]}"
        if self._waiting and here == self._thread:
            self._waiting = False
            (self._folder / "at.new").write_text(str(threading.get_native_id()))
            (self._folder / "at.new").rename(self._folder / "at")
            while not (self._folder / "go").exists():
                time.sleep(0.005)
        return time.time_ns() // 1000


class Hasty(Clock):
    """Sleeps a little instead of long."""

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.02))


def work(folder: Path, thread: str) -> int:
    gate = Gate(folder, thread)
    rooms = Rooms(ShopWorkspace(folder, NOWHERE), Hasty())
    gate.now()
    done = attempt(lambda: rooms.sync(now=gate.now, patience=5), None)
    if isinstance(done, Failure):
        return done.exit_code
    return max((int(report.outcome.value != "done") * 75 for report in done.values()), default=0)


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = work(Path(job["folder"]), job["thread"])
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
