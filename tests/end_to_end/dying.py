"""An erasure that dies at a step: python -m tests.end_to_end.dying WORKSPACE STEP SUBJECT_ID."""

import os
import sys
import time
from pathlib import Path

from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.erase.run import Order, Report, erase
from passerelle.workflows.sync.crew import crew
from passerelle.workflows.workspace import Workspace


def run(folder: Path, ids: list[int], order: Order) -> Report:
    """One run of erasures, as the verb makes it."""
    with Workspace.open(folder) as workspace:
        hands = crew(
            workspace,
            run_id="dying",
            now=lambda: time.time_ns() // 1000,
            sleep=time.sleep,
            progress=Silent(),
            patience=30,
        )
        return erase(hands, ids, order)


def main(folder: Path, wanted: str, subject_id: int) -> None:
    def fault(step: str) -> None:
        if step == wanted:
            os._exit(9)

    run(folder, [subject_id], Order(fault=fault))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
