"""Pulls that die, run by `test_pull_crash.py` in a process of its own: it forks before any thread is started.

python -m tests.workflows.crashing FOLDER all|STEP,STEP…   prints a JSON object per step: the end state after it
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import passerelle.connectors.sources.files
import passerelle.connectors.sources.sql
import passerelle.privacy.subjects
import passerelle.segmentation  # noqa: F401 - imported once, before the forks, since each child would do it again
from passerelle.workflows.pull import Seams
from tests.workflows.pulls import Shop, contact


def main(folder: Path, wanted: str) -> None:
    """Die at each step of a pull over a lake that has something in it already; then pull again."""
    first = folder / "first"
    _in_child(lambda: _earlier(first))
    steps = folder / "steps"
    _in_child(lambda: _later(first, folder / "whole", lambda step: _noted(steps, step)))
    names = steps.read_text(encoding="utf-8").splitlines()
    for number, name in enumerate(names):
        if wanted != "all" and (name not in wanted.split(",") or name in names[:number]):
            continue
        place = folder / f"step{number}"
        died = _in_child(lambda place=place, number=number: _later(first, place, _dying(number)))  # type: ignore[misc]
        _in_child(lambda place=place: _again(place))  # type: ignore[misc]
        state = json.loads((place / "state.json").read_text(encoding="utf-8"))
        whole = json.loads((folder / "whole/state.json").read_text(encoding="utf-8"))
        print(json.dumps({"step": name, "died": died, "same": state == whole}), flush=True)  # noqa: T201


def _earlier(place: Path) -> None:
    place.mkdir()
    shop = Shop(place)
    shop.contacts([contact(number) for number in range(4)])
    shop.pull("crm")
    shop.close()


def _later(first: Path, place: Path, fault: Callable[[str], None]) -> None:
    shutil.copytree(first, place)
    shop = Shop(place)
    later = [contact(number, tier="new", updated_at="2026-11-10T00:00:00Z") for number in (1, 2, 5)]
    gone = contact(3, gone="1", updated_at="2026-11-11T00:00:00Z")
    withdrawn = contact(0, ads="retiré", ads_at="2026-11-09T00:00:00Z", updated_at="2026-11-12T00:00:00Z")
    shop.contacts([*later, gone, withdrawn, contact(6, spent="x", updated_at="2026-11-13T00:00:00Z")])
    shop.pull("crm", seams=Seams(page_rows=4, fault=fault))
    _keep(shop)


def _again(place: Path) -> None:
    shop = Shop(place)
    shop.pull("crm")
    _keep(shop)


def _keep(shop: Shop) -> None:
    state = shop.end_state()
    shop.close()
    (shop.folder.parent / "state.json").write_text(json.dumps(state), encoding="utf-8")


def _noted(steps: Path, step: str) -> None:
    with steps.open("a", encoding="utf-8") as stream:
        stream.write(f"{step}\n")


def _dying(number: int) -> Callable[[str], None]:
    count = iter(range(10_000))

    def fault(_step: str) -> None:
        if next(count) == number:
            os._exit(9)

    return fault


def _in_child(work: Callable[[], None]) -> bool:
    """Run it in a fork; True where it died as it was told to."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in {0, 9}:
        raise RuntimeError(f"a child ended with {code}")
    return code == 9


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
