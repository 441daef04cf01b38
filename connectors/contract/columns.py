"""Named columns must be there; others are noticed and left alone."""

import difflib
from collections.abc import Sequence

from passerelle.connectors.errors import DefinitionError


def require(where: str, columns: Sequence[str], asked: Sequence[str]) -> None:
    """Raise `DefinitionError`, naming `where` and the column, unless each of `asked` is there exactly once."""
    for name in asked:
        count = list(columns).count(name)
        if count == 1:
            continue
        if count > 1:
            raise DefinitionError(f"{where} has {count} columns called {name}.", advice="Rename them at the source.")
        near = difflib.get_close_matches(name, columns, n=1, cutoff=0.6)
        known = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(sorted(set(columns))[:20])}."
        raise DefinitionError(
            f"{where} has no column {name}.", advice=f"{known} If it is gone for good, take it out of `fields:`."
        )


def newcomers(where: str, columns: Sequence[str], seen: list[str]) -> list[str]:
    """A warning about columns that were not seen before, where any were. `seen` is completed."""
    new = [column for column in dict.fromkeys(columns) if column not in seen]
    first = not seen
    seen += new
    if first or not new:
        return []
    return [f"{where} has new columns: {', '.join(new)}. They are not read until `fields:` names them."]
