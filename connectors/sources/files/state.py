"""What is remembered between pulls of a source of files: stamps, digests and cursor values; no content."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from pydantic import JsonValue

from passerelle.connectors.contract.source import State
from passerelle.connectors.sources.files.paging import Mark
from passerelle.connectors.sources.files.place import Stamp


@dataclass(frozen=True, slots=True)
class Known:
    """A file that was read through: its stamp, its content's digest, its highest cursor value."""

    size: int
    mtime_ns: int
    digest: str
    mark: Mark

    @classmethod
    def of(cls, stamp: Stamp, digest: str, mark: Mark, *, sure: bool) -> Self:
        """Where it is not `sure` that its stamp tells it from a later one, it is looked at again."""
        return cls(stamp.size, stamp.mtime_ns if sure else 0, digest, mark)

    def same(self, stamp: Stamp) -> bool:
        """Whether nothing shows that the file changed."""
        return (self.size, self.mtime_ns) == (stamp.size, stamp.mtime_ns)


@dataclass(frozen=True, slots=True)
class Partial:
    """A file in the middle of being read: so many of its rows are kept. `version` is what its place names it by."""

    name: str
    size: int
    mtime_ns: int
    read: int
    mark: Mark
    version: str = ""

    @classmethod
    def of(cls, name: str, stamp: Stamp, version: str, read: int, mark: Mark = None) -> Self:
        """So far into this file."""
        return cls(name, stamp.size, stamp.mtime_ns, read, mark, version)

    def goes_on(self, name: str, stamp: Stamp, version: str) -> bool:
        """Whether this file is the one, and unchanged."""
        return replace(self, read=0, mark=None) == Partial.of(name, stamp, version, 0)


@dataclass(slots=True)
class Memory:
    """Everything that is remembered."""

    files: dict[str, Known] = field(default_factory=dict)
    partial: Partial | None = None
    columns: list[str] = field(default_factory=list)
    """Columns that were seen and reported; a new one is reported once."""

    @classmethod
    def of(cls, state: State | None) -> Self:
        """From JSON."""
        plain: Mapping[str, Any] = state or {}
        partial = plain.get("partial")
        return cls(
            files={name: Known(**known) for name, known in plain.get("files", {}).items()},
            partial=Partial(**partial) if partial else None,
            columns=list(plain.get("columns", [])),
        )

    def state(self, partial: Partial | None = None) -> dict[str, JsonValue]:
        """As JSON, with the file that is being read."""
        return {
            "files": {name: asdict(known) for name, known in self.files.items()},
            "partial": asdict(partial) if partial else None,
            "columns": list(self.columns),
        }

    def left_off(self, name: str, stamp: Stamp, version: str) -> Partial | None:
        """How far this file was read by a pull that was cut; None where it was not, or where it changed since."""
        return self.partial if self.partial is not None and self.partial.goes_on(name, stamp, version) else None

    def forget(self, present: Iterable[str]) -> list[str]:
        """Forget files that are gone, and say which."""
        there = set(present)
        gone = sorted(name for name in self.files if name not in there)
        for name in gone:
            del self.files[name]
        return gone
