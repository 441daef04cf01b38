"""What is wrong with a workspace's files, told all at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from passerelle.privacy.errors import DefinitionError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to repair."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}" if self.file else self.message


class Unusable(DefinitionError):
    """Settings with one or more problems; `problems` holds each."""

    def __init__(self, problems: Iterable[Problem], *, advice: str = "") -> None:
        self.problems = sorted(set(problems))
        head = str(self.problems[0]) if len(self.problems) == 1 else f"{len(self.problems)} things must be repaired."
        super().__init__(head, advice=advice or "Repair what is named here, then run `passerelle doctor`.")
