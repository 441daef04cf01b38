"""What a workspace's files ask to be learnt, by name."""

from collections.abc import Mapping
from typing import Literal, TypeVar

from passerelle.privacy.errors import DefinitionError, quoted
from passerelle.workflows.settings.names import did_you_mean, listed

F = TypeVar("F")


def asked(files: Mapping[str, F], kind: Literal["cluster", "score"], name: str) -> F:
    """The file of this name. Raises `DefinitionError` where there is none."""
    if name not in files:
        known = list(files)
        hint = did_you_mean(name, known) or (f" Known: {listed(known)}." if known else " There is none yet.")
        raise DefinitionError(f"There is no file for the {kind} {quoted(name)} in {kind}s/.{hint}")
    return files[name]
