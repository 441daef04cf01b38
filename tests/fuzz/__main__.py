"""Fuzzes one target: `python -m tests.fuzz TARGET FOLDER [libFuzzer flags]`. FOLDER gets the inputs to start from.

It ends with 0 where nothing was found, and else with what libFuzzer ends with, the finding on stderr.
"""

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["passerelle"]):
    from tests.fuzz.targets import TARGETS, checked


def main() -> None:
    """Write the seeds, then hand over to libFuzzer, which does not return."""
    name, folder, *flags = sys.argv[1:]
    target = TARGETS[name]
    for seed in target.seeds:
        (Path(folder) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup([name, f"-max_len={target.longest}", *flags, folder], lambda data: checked(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
