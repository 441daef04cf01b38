"""Fitted models as numbers in a file, none of them one person's, named by the hash of its content."""

import hashlib
import json
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from passerelle.privacy.errors import IntegrityError


class Numbers(BaseModel):
    """Base of every part of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Feature(Numbers):
    """One column of the matrix: (f(value) - centre) / spread, where f is the logarithm or whether it is `category`."""

    trait: str
    category: str | None = None
    log: bool = False
    fill: str | bool | float | None = None
    centre: float = 0.0
    spread: float = 1.0

    @property
    def shown(self) -> str:
        """What readers call it."""
        return self.trait if self.category is None else f"{self.trait} = {self.category}"


class Fitted(Numbers):
    """A fitted model. The same inputs give the same bytes."""

    again: ClassVar[str]
    """What fits it again."""

    definition: str
    """Digest of what was asked."""
    snapshot: str
    """Digest of the data that was looked at."""
    as_of: int
    """µs since 1970 UTC."""
    made_with: dict[str, str]
    """Versions of what computed it."""

    @property
    def called(self) -> str:
        """The name of the file that asked for it."""
        raise NotImplementedError

    @property
    def order(self) -> tuple[int, ...]:
        """Which of two models of one instant was fitted first."""
        return ()

    def to_bytes(self) -> bytes:
        """The file's content."""
        written = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False
        )
        return written.encode() + b"\n"

    @property
    def version(self) -> str:
        """SHA-256 of the file's content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, content: bytes, version: str) -> Self:
        """The model of a file that is called `version`. Raises `IntegrityError` where it is another one."""
        if hashlib.sha256(content).hexdigest() != version:
            raise IntegrityError("A fitted model is not what its fit wrote.", advice=f"Fit it again: `{cls.again}`.")
        return cls.model_validate_json(content)


def short(number: float) -> float:
    """A number to 12 digits: what lies beyond them depends on the machine."""
    return float(f"{number:.12g}")
