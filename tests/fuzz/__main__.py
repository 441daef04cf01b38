"""Fuzzes targets, in a fork of a process that has everything imported: instrumenting takes longer than a short run.

    python -m tests.fuzz TARGET FOLDER [libFuzzer flags]    one target; FOLDER gets the inputs to start from
    python -m tests.fuzz                                    reads jobs, a JSON list of such words a line

Alone, it ends with 0 where nothing was found, and else with what libFuzzer ends with, the finding on stderr. A job is
answered with a line: `{"code": …}`; what it said is in `said` beside its FOLDER.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import atheris

with atheris.instrument_imports(include=["passerelle"]):
    from tests.fuzz.targets import TARGETS, checked


def fuzz(name: str, folder: str, *flags: str) -> NoReturn:
    """Write the seeds, then hand over to libFuzzer, which does not return."""
    target = TARGETS[name]
    for seed in target.seeds:
        (Path(folder) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup([name, f"-max_len={target.longest}", *flags, folder], lambda data: checked(target, data))
    atheris.Fuzz()
    raise AssertionError("libFuzzer ends the process")


def forked(words: list[str]) -> int:
    """Fuzz in a child whose output goes into a file; how it ended."""
    child = os.fork()
    if child == 0:
        said = os.open(Path(words[1]).with_name("said"), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        fuzz(*words)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """One target, or jobs from standard input."""
    if sys.argv[1:]:
        fuzz(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps({"code": forked(json.loads(line))}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
