"""Pulls into a lake in a bucket that are killed, run by `test_lake_in_bucket.py` in a process of its own.

python -m tests.sdk.killed FOLDER STORE   prints a JSON object per step: what the next pull made of it

It forks before any thread is started.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from passerelle.workflows.pull import Seams
from tests.sdk.far import earlier, later, made, shop
from tests.workflows.pulls import Shop

KILLED_AT = ("page written", "merged", "manifest renamed")


def main(folder: Path, store: str) -> None:
    """Once undisturbed, then once for each step: pull, be killed there, pull again."""
    _in_child(lambda: _whole(folder / "whole", store))
    for number, step in enumerate(KILLED_AT):
        place = folder / f"killed-{number}"
        killed = _in_child(lambda place=place, step=step: _killed(place, store, step))  # type: ignore[misc]
        _in_child(lambda place=place: _again(place))  # type: ignore[misc]
        said = json.loads((place / "state.json").read_text(encoding="utf-8"))
        whole = json.loads((folder / "whole/state.json").read_text(encoding="utf-8"))
        same = said["state"] == whole["state"]
        print(json.dumps({"step": step, "killed": killed, "same": same, "tidy": said["runs"] == 1}), flush=True)  # noqa: T201


def _whole(place: Path, store: str) -> None:
    one = shop(place, made(store, "whole", versions=True), store)
    earlier(one)
    later(one, Seams(page_rows=4))
    _keep(one)


def _killed(place: Path, store: str, step: str) -> None:
    def fault(now: str) -> None:
        if now == step:
            os.kill(os.getpid(), signal.SIGKILL)

    one = shop(place, made(store, place.name, versions=True), store)
    earlier(one)
    later(one, Seams(page_rows=4, fault=fault))


def _again(place: Path) -> None:
    one = Shop(place)
    one.pull("crm")
    _keep(one)


def _keep(one: Shop) -> None:
    state = one.end_state()
    runs = len(list((one.folder / "var/lake-copies").glob("run-*")))
    one.close()
    (one.folder.parent / "state.json").write_text(json.dumps({"state": state, "runs": runs}), encoding="utf-8")


def _in_child(work: Callable[[], None]) -> bool:
    """Run it in a fork; True where it was killed."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"a child ended with {code}")
    return code != 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
