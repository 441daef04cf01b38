"""`passerelle`: understands a command line, runs one verb, prints one result, exits with its code."""

import sys
from collections.abc import Sequence
from pathlib import Path

from passerelle.workflows.cli import session
from passerelle.workflows.cli.commands import app
from passerelle.workflows.cli.usage import parse
from passerelle.workflows.verbs.registry import verbs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (by default the process's own) and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    session.harden()
    call = parse(app(verbs()), given or ["--help"])
    if isinstance(call, int):
        return call
    return session.run(call, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
