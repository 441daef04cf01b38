"""Fitted models as files: `NAME/VERSION.json`, which one is in use, and how each does from run to run.

A model's file is named by the hash of its content and never changes; `current` names the one in use, and is replaced by
a rename, so that a run sees one or the other. Nothing in here is about one person.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from passerelle.privacy.errors import IntegrityError, PasserelleError
from passerelle.segmentation.learning.model import Fitted
from passerelle.workflows.alone import alone

_CURRENT, _RUNS = "current", "runs.jsonl"
_KEPT = 1_000


class Noted(Protocol):
    """How a model did in one run: a dataclass."""

    @property
    def as_of(self) -> int:
        """µs UTC."""

    @property
    def version(self) -> str:
        """Of the model."""


M = TypeVar("M", bound=Fitted)
R = TypeVar("R", bound=Noted)


class Models(Mapping[str, M], Generic[M, R]):
    """The models in use, by name; each is read when it is asked for. `kind`: what messages call them, `cluster`."""

    def __init__(self, folder: Path, kind: str, model: type[M], run: type[R]) -> None:
        self._folder = folder
        self._kind = kind
        self._model = model
        self._run: TypeAdapter[R] = TypeAdapter(run)
        self._read: dict[str, M] = {}

    def __getitem__(self, name: str) -> M:
        if name not in self._read:
            try:
                version = (self._folder / name / _CURRENT).read_text("ascii").strip()
            except FileNotFoundError:
                raise KeyError(name) from None
            self._read[name] = self.of(name, version)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (path.parent.name for path in sorted(self._folder.glob(f"*/{_CURRENT}")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of(self, name: str, version: str) -> M:
        """A model on file. Raises `IntegrityError` where it is not there, or not what its fit wrote."""
        try:
            content = (self._folder / name / f"{version}.json").read_bytes()
        except OSError:
            content = b""
        return self._model.from_bytes(content, version)

    def fits(self, name: str) -> list[M]:
        """Every model that was fitted and is still on file, the oldest first."""
        found = [self.of(name, path.stem) for path in sorted((self._folder / name).glob("*.json"))]
        return sorted(found, key=lambda model: (model.as_of, *model.order, model.version))

    def keep(self, model: M) -> None:
        """Put a model on file, and into use."""
        folder = self._folder / model.called
        with alone(folder):
            path = folder / f"{model.version}.json"
            if not path.exists():
                self._write(path, model.to_bytes())
            self._write(folder / _CURRENT, f"{model.version}\n".encode())
        self._read[model.called] = model

    def note(self, name: str, run: R) -> None:
        """Remember how a model did. The same instant and model again replaces it."""
        folder = self._folder / name
        with alone(folder):
            others = [old for old in self.runs(name) if (old.as_of, old.version) != (run.as_of, run.version)]
            kept = sorted([*others, run], key=lambda one: one.as_of)[-_KEPT:]
            self._write(folder / _RUNS, b"".join(self._run.dump_json(one) + b"\n" for one in kept))

    def runs(self, name: str) -> list[R]:
        """How the models of this name did, the oldest run first."""
        try:
            lines = (self._folder / name / _RUNS).read_bytes().splitlines()
            return [self._run.validate_json(line) for line in lines]
        except FileNotFoundError:
            return []
        except (OSError, ValidationError):
            pass
        raise IntegrityError(
            f"The file of runs of the {self._kind} `{name}` is damaged.",
            advice=f"Delete {self._shown}/{name}/{_RUNS}: it is written anew, without what was in it.",
        )

    @property
    def _shown(self) -> str:
        return f"var/{self._folder.name}"

    def _write(self, path: Path, content: bytes) -> None:
        """A file, whole or not there, for this user only."""
        beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as problem:
            beside.unlink(missing_ok=True)
            told = f"{path.name} of a {self._kind} cannot be written: {problem.strerror}."
        else:
            return
        raise PasserelleError(told, advice=f"Check the disk, and who owns {self._shown}.")
