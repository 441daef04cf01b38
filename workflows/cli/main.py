"""`passerelle`: understands a command line, runs one verb, prints one result, exits with its code."""

import sys
from collections.abc import Sequence
from pathlib import Path

from passerelle.workflows.cli import session
from passerelle.workflows.cli.boundary import attempt
from passerelle.workflows.cli.commands import app
from passerelle.workflows.cli.printing import Printer
from passerelle.workflows.cli.usage import parse
from passerelle.workflows.verbs.contract import AnyVerb
from passerelle.workflows.verbs.failure import Failure
from passerelle.workflows.verbs.registry import meant


def main(arguments: Sequence[str] | None = None, *, known: Sequence[AnyVerb] | None = None) -> int:
    """Run one command line (by default the process's own) of the `known` verbs (by default all); its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    session.harden()
    call = attempt(lambda: parse(app(meant(given) if known is None else known), given or ["--help"]), None)
    if isinstance(call, Failure):
        return Printer.guess(given).print_failure(call)
    return call if isinstance(call, int) else session.run(call, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
