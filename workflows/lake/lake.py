"""The lake: one manifest per table, and what changes it."""

import secrets
import shutil
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.workflows.lake.manifest import Manifest, Shown, Staged, TableShape
from passerelle.workflows.lake.merging import Settled, at_work_on, keys_of, lookup, merge, needs_merge, without
from passerelle.workflows.lake.storage import Disk, Overtaken, Storage
from passerelle.workflows.lake.tables import DELETED, FIXED, LakeTable, Waiting, row_schema

Fault = Callable[[str], None]
"""Called with the name of each step as it is done: a test dies there."""

_TRIES = 5
"""How often a change is made anew where others change the same table."""

T = TypeVar("T")


class Lake:
    """The pseudonymous tables of a storage. Whoever changes a table waits for others of this machine that do.

    Where others change it from elsewhere, one of both is overtaken, and makes its change anew on what the other left. A
    pull follows people who turned out to be one into every table, so it changes those of other sources, too.
    """

    def __init__(
        self,
        place: Path | Storage,
        *,
        memory: str = "1GB",
        fault: Fault | None = None,
        checked: Container[str] = (),
    ) -> None:
        """`place`: a folder, or another storage. What comes into tables of `checked` is seen after `let_through`."""
        self._storage = Disk(place) if isinstance(place, Path) else place
        self._memory = memory
        self._checked = checked
        self._fault: Fault = fault or (lambda _step: None)

    def watched(self, fault: Fault) -> "Lake":
        """The same lake, that tells `fault` of each step."""
        return Lake(self._storage, memory=self._memory, fault=fault, checked=self._checked)

    def close(self) -> None:
        """Give back what was brought to this machine for reading."""
        self._storage.close()

    def tables(self) -> dict[str, LakeTable]:
        """Every table, by name, as it was when this was called; its files stay through the next `settle`."""
        found = ((name, self._seen(name, manifest)) for name, manifest in self._manifests())
        return {name: self._table(name, seen) for name, seen in found if seen.files or name not in self._checked}

    def as_then(self, name: str, files: Sequence[str]) -> tuple[int, Sequence[Path]]:
        """How many of a table's files of another time are gone, and all of them where none is, else where they were."""
        gone = self._storage.gone(name, files)
        return gone, [Path(name, file) for file in files] if gone else self._storage.files(name, files)

    def waiting(self, name: str) -> Waiting | None:
        """A table as it came, whoever may see it; None where it is not there."""
        manifest = self._storage.read(name)
        if manifest is None or not manifest.files:
            return None
        through = manifest.checked == manifest.files
        return Waiting(self._table(name, manifest.seen), through, manifest.quality, manifest.files)

    def let_through(
        self,
        waiting: Waiting,
        quality: Mapping[str, Any],
        repaired: Callable[[Path], None] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> bool:
        """Have readers see the table as it was looked at; `quality` is kept for the next time.

        `repaired` writes the Parquet file that they see in its stead, with `columns`. False where the table has changed
        since it was looked at: then nothing is done.
        """
        return self._alone(waiting.table.name, partial(self._let_through, waiting, quality, repaired, columns))

    def _let_through(
        self,
        waiting: Waiting,
        quality: Mapping[str, Any],
        repaired: Callable[[Path], None] | None,
        columns: Mapping[str, str] | None,
    ) -> bool:
        name, shown = waiting.table.name, None
        manifest = self._storage.read(name)
        if manifest is None or manifest.files != waiting.files:
            return False
        if repaired is not None:
            made = f"shown-{secrets.token_hex(8)}.parquet"
            with at_work_on(name):
                repaired(self._storage.folder(name) / made)
            self._storage.keep(name, [made])
            own = {column: kind for column, kind in (columns or {}).items() if column not in FIXED}
            shown = Shown((made,), TableShape(waiting.table.grain, own))
        before = manifest.named()
        now = replace(manifest, shown=shown, checked=manifest.files, quality=dict(quality), retired=())
        now = replace(now, retired=tuple(sorted(before - now.named() - set(manifest.retired))))
        self._put(name, now, "let through")
        return True

    def remark(self, name: str, quality: Mapping[str, Any]) -> None:
        """Keep what is known of a table that is not let through; no table, no remark."""
        if self.has(name):
            self._alone(name, partial(self._remark, name, quality))

    def _remark(self, name: str, quality: Mapping[str, Any]) -> None:
        manifest = self._storage.read(name)
        if manifest is not None:
            self._storage.write(name, replace(manifest, quality=dict(quality)))

    def names(self) -> list[str]:
        """Every table's name, be its files as they may."""
        return self._storage.names()

    def has(self, name: str) -> bool:
        """Whether there is such a table, be it empty."""
        return self._storage.read(name) is not None

    def declare(self, name: str, shape: TableShape) -> None:
        """Have the table, empty if it is new, so that segments can speak of it before anything is in it."""
        self._alone(name, partial(self._declare, name, shape))

    def _declare(self, name: str, shape: TableShape) -> None:
        if self._storage.read(name) is None:
            empty = self._write(name, "rows", row_schema(shape).empty_table())
            self._storage.write(name, Manifest(shape, files=(empty,)))

    def stage(self, name: str, shape: TableShape, rows: pa.Table, deleted: pa.Table) -> None:
        """Put a page beside the table, durably. Readers see it after `settle`.

        `rows` has `row_schema(shape)`; `deleted` has `_key` and `_version`. `_key` is 16 bytes; `_version` grows when a
        record changes, null where nothing tells; then what is staged later is newer.
        """
        self._alone(name, partial(self._stage, name, shape, rows, deleted))

    def _stage(self, name: str, shape: TableShape, rows: pa.Table, deleted: pa.Table) -> None:
        manifest = self._storage.read(name) or Manifest(shape)
        if manifest.shape != shape and manifest.staged:
            self._settle(name)
            manifest = self._storage.read(name) or Manifest(shape)
        manifest = manifest.reshaped(shape)
        sequence = manifest.sequence + 1
        page = Staged(
            sequence,
            self._write(name, "rows", rows.cast(row_schema(shape))) if rows.num_rows else None,
            self._write(name, "deleted", deleted.cast(DELETED)) if deleted.num_rows else None,
        )
        self._fault("page written")
        self._storage.write(name, replace(manifest, sequence=sequence, staged=(*manifest.staged, page)))
        self._fault("page staged")

    def settle(self, name: str, merges: pa.Table | None = None) -> None:
        """Make what is staged part of the table, and follow `merges` (subject_id, merged_into) of persons."""
        if self.has(name):
            self._alone(name, partial(self._settle, name, merges))

    def _settle(self, name: str, merges: pa.Table | None = None) -> None:
        manifest = self._storage.read(name)
        if manifest is None or not (manifest.staged or manifest.written or (merges is not None and merges.num_rows)):
            return
        with self._rewritten(name, manifest) as (folder, scratch):
            if not needs_merge(folder, manifest, merges):
                return
            settled = merge(folder, manifest, merges, memory=self._memory, scratch=scratch)
        self._fault("merged")
        shown = (manifest.shown or manifest.seen) if name in self._checked else None
        self._adopt(name, manifest, settled, shown=shown)
        self._fault("settled")

    def people(self, name: str, keys: pa.Array) -> pa.Table:
        """Who is known by these keys in a person table, staged rows included: `_key`, `subject_id`, distinct."""
        manifest = self._storage.read(name)
        if manifest is None:
            return pa.table({"_key": pa.array([], pa.binary()), "subject_id": pa.array([], pa.int64())})
        with self._looked_at(name, manifest) as folder:
            return lookup(folder, manifest, keys)

    def keys(self, subject_ids: pa.Array, name: str) -> pa.Array:
        """The keys of every record of these people in one table, staged or not; distinct. None, if it is not there."""
        manifest = self._storage.read(name)
        if manifest is None:
            return pa.array([], pa.binary())
        with self._looked_at(name, manifest) as folder:
            return keys_of(folder, manifest, subject_ids)

    def forget(self, subject_ids: pa.Array, keys: pa.Array | None = None, *, only: str | None = None) -> int:
        """Take people out of every table, or of `only` one, files and all, at once. Returns how many held them.

        With `keys`, it is forgotten that records with these were deleted, too.
        """
        gone = pa.array([], pa.binary()) if keys is None else keys
        names = [name for name in (self.names() if only is None else [only]) if self.has(name)]
        return sum(self._alone(name, partial(self._forget, name, subject_ids, gone)) for name in names)

    def _forget(self, name: str, subject_ids: pa.Array, keys: pa.Array) -> int:
        self._settle(name)
        manifest = self._storage.read(name)
        if manifest is None:
            return 0
        with self._rewritten(name, manifest) as (folder, scratch):
            settled = without(folder, manifest, subject_ids, keys, memory=self._memory, scratch=scratch)
        if settled is not None:
            shown = replace(manifest.shown, files=settled.shown) if manifest.shown is not None else None
            self._adopt(name, manifest, settled, shown=shown, through=manifest.checked == manifest.files)
        final = self._storage.read(name)
        if final is not None:  # retired files may hold them, and so may what an erasure that died here left behind
            self._put(name, replace(final, retired=()), "retired files let go")
        return 0 if settled is None else 1

    def _adopt(
        self, name: str, manifest: Manifest, settled: Settled, *, shown: Shown | None, through: bool = False
    ) -> None:
        self._storage.keep(name, settled.made)
        files = settled.files or (self._write(name, "rows", row_schema(manifest.shape).empty_table()),)
        before = manifest.named() - set(manifest.retired)
        now = replace(
            manifest, files=files, shadowed=settled.shadowed, deleted=settled.deleted, staged=(), written=None
        )
        now = replace(now, shown=shown, checked=files if through else now.checked)
        self._put(name, replace(now, retired=tuple(sorted(before - now.named()))), "manifest renamed")

    def _put(self, name: str, manifest: Manifest, step: str) -> None:
        """Make this the table; what it does not name goes."""
        there = self._storage.there(name)
        self._storage.write(name, manifest)
        self._fault(step)
        self._storage.sweep(name, manifest, there)

    def _alone(self, name: str, change: Callable[[], T]) -> T:
        """Make a change, anew where somebody elsewhere was faster."""
        with self._storage.alone(name):
            for _ in range(_TRIES - 1):
                try:
                    return change()
                except Overtaken:
                    continue
            return change()

    @contextmanager
    def _looked_at(self, name: str, manifest: Manifest) -> Iterator[Path]:
        """The folder of this machine where the table's files are."""
        self._storage.bring(name, manifest.held())
        with at_work_on(name):
            yield self._storage.folder(name)

    @contextmanager
    def _rewritten(self, name: str, manifest: Manifest) -> Iterator[tuple[Path, Path]]:
        """The same, and a folder for what does not fit in memory: for who is alone."""
        with self._looked_at(name, manifest) as folder:
            scratch = folder / ".tmp"
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                yield folder, scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        found = ((name, self._storage.read(name)) for name in self._storage.names())
        yield from ((name, manifest) for name, manifest in found if manifest is not None)

    def _seen(self, name: str, manifest: Manifest) -> Shown:
        return manifest.shown if manifest.shown is not None and name in self._checked else manifest.seen

    def _table(self, name: str, seen: Shown) -> LakeTable:
        files = self._storage.files(name, seen.files)
        return LakeTable(name, seen.shape.grain, seen.shape.columns, files, self._storage.named(seen.files))

    def _write(self, name: str, kind: str, rows: pa.Table) -> str:
        made = f"{kind}-{secrets.token_hex(8)}.parquet"
        words = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        pq.write_table(
            rows,
            self._storage.folder(name) / made,
            compression="zstd",
            use_dictionary=words,
            row_group_size=131_072,
            write_statistics=True,
        )
        self._storage.keep(name, [made])
        return made
