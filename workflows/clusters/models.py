"""Fitted models as files: `var/clusters/NAME/VERSION.json`, which one is in use, and how each does from run to run.

A model's file is named by the hash of its content and never changes; `current` names the one in use, and is replaced by
a rename, so that a run sees one or the other. Everything in here is about groups of people, never about one.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from passerelle.privacy.errors import IntegrityError, PasserelleError
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.workflows.alone import alone

_CURRENT, _RUNS = "current", "runs.jsonl"
_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """How a model did at one instant (µs UTC)."""

    as_of: int
    version: str
    sizes: dict[int, int]
    none: int
    left_out: int
    silhouette: float
    calinski_harabasz: float


class Models(Mapping[str, ClusterModel]):
    """The models in use, by the name of their cluster; each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, ClusterModel] = {}

    def __getitem__(self, name: str) -> ClusterModel:
        if name not in self._read:
            try:
                version = (self._folder / name / _CURRENT).read_text("ascii").strip()
            except FileNotFoundError:
                raise KeyError(name) from None
            self._read[name] = self._model(name, version)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (path.parent.name for path in sorted(self._folder.glob(f"*/{_CURRENT}")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def fits(self, name: str) -> list[ClusterModel]:
        """Every model that was fitted and is still on file, the oldest first."""
        found = [self._model(name, path.stem) for path in sorted((self._folder / name).glob("*.json"))]
        return sorted(found, key=lambda model: (model.as_of, model.next_label, model.version))

    def before(self, name: str, definition: str, snapshot: str, as_of: int) -> ClusterModel | None:
        """The model that a fit of these inputs goes on from: that in use, or what that one went on from itself.

        The second where the same inputs were fitted already: they give the same model again.
        """
        now = self.get(name)
        if now is None or (now.definition, now.snapshot, now.as_of) != (definition, snapshot, as_of):
            return now
        return self._model(name, now.alignment.previous) if now.alignment.previous else None

    def keep(self, model: ClusterModel) -> None:
        """Put a model on file, and into use."""
        folder = self._folder / model.cluster
        with alone(folder):
            path = folder / f"{model.version}.json"
            if not path.exists():
                _write(path, model.to_bytes())
            _write(folder / _CURRENT, f"{model.version}\n".encode())
        self._read[model.cluster] = model

    def note(self, standings: Mapping[str, Standing], as_of: int) -> None:
        """Remember how models do at an instant. The same instant and model again replaces it."""
        for name, each in standings.items():
            run = Run(as_of, self[name].version, **asdict(each))
            folder = self._folder / name
            with alone(folder):
                others = [old for old in self.runs(name) if (old.as_of, old.version) != (run.as_of, run.version)]
                kept = sorted([*others, run], key=lambda one: one.as_of)[-_KEPT:]
                lines = (json.dumps(asdict(one), sort_keys=True) for one in kept)
                _write(folder / _RUNS, "".join(f"{line}\n" for line in lines).encode())

    def runs(self, name: str) -> list[Run]:
        """How the cluster's models did, the oldest run first."""
        try:
            lines = (self._folder / name / _RUNS).read_text("ascii").splitlines()
            rows = [json.loads(line) for line in lines]
            return [Run(**{**row, "sizes": {int(k): v for k, v in row["sizes"].items()}}) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError):
            pass
        raise IntegrityError(
            f"The file of runs of the cluster `{name}` is damaged.",
            advice=f"Delete var/clusters/{name}/{_RUNS}: it is written anew, without what was in it.",
        )

    def _model(self, name: str, version: str) -> ClusterModel:
        try:
            content = (self._folder / name / f"{version}.json").read_bytes()
        except OSError:
            content = b""
        return ClusterModel.from_bytes(content, version)


def _write(path: Path, content: bytes) -> None:
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
        told = f"{path.name} of a cluster cannot be written: {problem.strerror}."
    else:
        return
    raise PasserelleError(told, advice="Check the disk, and who owns var/clusters.")
