"""Snapshots as files: `var/snapshots/SEGMENT/`, for this user only.

`ID.json` says what a snapshot is and names its other files: `members-….parquet`, shared by snapshots with the same
members, and `definition-….json`, shared by those of the same documents. What no `ID.json` names is rubbish, of a run
that died before it was done: the next one sweeps it away. Whoever changes a segment's folder waits for others that do.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.workflows.alone import LOCK, alone
from passerelle.workflows.lake.storage import sync_folder
from passerelle.workflows.snapshots.files import FOLDER, holds, read_members, write, write_members
from passerelle.workflows.snapshots.manifest import ID, Ids, Manifest, Members, digest_of, id_of

_DAY = 86_400_000_000


class Shelf:
    """The snapshots under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def segments(self) -> list[str]:
        """Every segment of which something was kept."""
        return [folder.name for folder in self._folders()]

    def of(self, segment: str) -> list[Manifest]:
        """Every snapshot of a segment, the oldest first."""
        found = [self._read(path) for path in (self._folder / segment).glob("*.json") if ID.match(path.stem)]
        return sorted(found, key=lambda each: (each.as_of, each.made_at, each.id))

    def find(self, segment: str, name: str | None) -> Manifest:
        """The snapshot with this id, or the latest. Raises `DefinitionError` where there is none."""
        if name is None and (every := self.of(segment)):
            return every[-1]
        path = self._folder / segment / f"{name}.json"
        if name is None or not ID.match(name) or not path.is_file():
            what = "has no snapshot yet" if name is None else "has no such snapshot"
            raise DefinitionError(
                f"The segment `{segment}` {what}.",
                advice=f"`passerelle segment history {segment}` lists them; "
                f"`passerelle segment snapshot {segment}` makes one, and so does every sync.",
            )
        return self._read(path)

    def members(self, manifest: Manifest) -> Ids:
        """Who was in it: sorted, each once. Raises `IntegrityError` where the file is not what was written."""
        ids = self._sound(manifest)
        if ids is None:
            raise IntegrityError(
                f"The members of the snapshot {manifest.id} are not what was kept.",
                advice=f"Delete {FOLDER}/{manifest.segment}/{manifest.id}.json: it proves nothing any more.",
            )
        return ids

    def definition(self, manifest: Manifest) -> Mapping[str, Any]:
        """The documents that said who was meant, by file name, as plain data. Raises `IntegrityError`."""
        try:
            content = (self._folder / manifest.segment / manifest.definition).read_bytes()
        except OSError:
            content = b""
        if _definition_name(content) != manifest.definition:
            raise IntegrityError(
                f"The definition of the snapshot {manifest.id} is not what was kept.",
                advice=f"Delete {FOLDER}/{manifest.segment}/{manifest.id}.json: it proves nothing any more.",
            )
        found: Mapping[str, Any] = json.loads(content)
        return found

    def keep(self, draft: Manifest, members: Ids, documents: Mapping[str, Any]) -> Manifest:
        """Keep who was in a segment. The same answer again, of the same instant, is that which is there.

        Of `draft`, the id, the names of files, what the members add up to and who came and went are filled in here.
        """
        folder = self._folder / draft.segment
        with alone(folder):
            every = self.of(draft.segment)
            content = json.dumps(documents, sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"
            last = every[-1] if every else None
            counted = Members(file=draft.members.file, count=len(members), digest=digest_of(members))
            now = draft.model_copy(update={"definition": _definition_name(content), "members": counted})
            if (known := next((each for each in reversed(every) if each.same_as(now)), None)) is not None:
                return known
            now = now.model_copy(update={"id": _free(draft.as_of, {each.id for each in every})})
            same = next((each.members for each in every if each.members.digest == counted.digest), None)
            if same is not None:
                now = now.model_copy(update={"members": same})
            else:
                write_members(folder / counted.file, members)
            then = None if last is None else members if last.members == now.members else self._sound(last)
            if last is not None and then is not None:  # whose file is damaged is no reason to keep nothing
                came = len(np.setdiff1d(members, then, assume_unique=True))
                went = len(np.setdiff1d(then, members, assume_unique=True))
                now = now.model_copy(update={"before": last.id, "came": came, "went": went})
            if not (folder / now.definition).exists():
                write(folder / now.definition, content)
            sync_folder(folder)
            write(folder / f"{now.id}.json", now.model_dump_json(indent=1).encode() + b"\n")
            _sweep(folder, [*every, now])
        return now

    def expire(self, *, keep_days: int, now: int) -> int:
        """Destroy snapshots that were made more than so many days ago, of every segment; how many there were."""
        gone = 0
        for folder in self._folders():
            with alone(folder):
                every = self.of(folder.name)
                left = [each for each in every if now - each.made_at < keep_days * _DAY]
                for each in every:
                    if each not in left:
                        (folder / f"{each.id}.json").unlink()
                gone += len(every) - len(left)
                _sweep(folder, left)
        return gone

    def holding(self, ids: Ids) -> dict[str, list[Manifest]]:
        """By segment, the snapshots that any of these people is in, the oldest first."""
        found: dict[str, list[Manifest]] = {}
        for folder in self._folders():
            every = self.of(folder.name)
            held = {file for file in {each.members.file for each in every} if holds(folder / file, ids) is True}
            if held:
                found[folder.name] = [each for each in every if each.members.file in held]
        return found

    def forget(self, ids: Ids) -> int:
        """Take people out of every snapshot, files and all, at once; how many files held them.

        Whoever dies in here leaves each snapshot with or without them, and runs it again. A snapshot that says no more
        who is in it is destroyed: nobody could be taken out of it, and none may stop an erasure.
        """
        found = 0
        for folder in self._folders():
            with alone(folder):
                every, damaged = self._readable(folder)
                found += damaged
                for file in sorted({each.members.file for each in every}):
                    if holds(folder / file, ids) is not False:  # what cannot be read is written anew, empty
                        found += 1
                        every = self._without(folder, every, file, ids)
                _sweep(folder, every)
        return found

    def _readable(self, folder: Path) -> tuple[list[Manifest], int]:
        """The snapshots in a segment's folder, and how many more cannot be read."""
        found: list[Manifest] = []
        damaged = 0
        for path in folder.glob("*.json"):
            if ID.match(path.stem):
                try:
                    found.append(self._read(path))
                except IntegrityError:
                    damaged += 1
        return found, damaged

    def _without(self, folder: Path, every: list[Manifest], file: str, ids: Ids) -> list[Manifest]:
        held = read_members(folder / file)
        there = np.array([], np.int64) if held is None else held
        left = there[~np.isin(there, ids)]
        new = Members(file=_members_name(), count=len(left), digest=digest_of(left))
        write_members(folder / new.file, left)
        sync_folder(folder)
        after: list[Manifest] = []
        for each in every:
            if each.members.file != file:
                after.append(each)
                continue
            now = each.model_copy(update={"members": new, "erased": each.erased + len(there) - len(left)})
            write(folder / f"{each.id}.json", now.model_dump_json(indent=1).encode() + b"\n")
            after.append(now)
        return after

    def _sound(self, manifest: Manifest) -> Ids | None:
        """The members; None where the file is not what was written."""
        ids = read_members(self._folder / manifest.segment / manifest.members.file)
        return ids if ids is not None and digest_of(ids) == manifest.members.digest else None

    def _folders(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from sorted(path for path in self._folder.iterdir() if path.is_dir())

    def _read(self, path: Path) -> Manifest:
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            pass
        raise IntegrityError(
            f"The snapshot {path.parent.name}/{path.name} cannot be read.",
            advice=f"Delete {FOLDER}/{path.parent.name}/{path.name}; the other snapshots do not need it.",
        )


def draft_members() -> Members:
    """A name for a new file of members, of which nothing is known yet."""
    return Members(file=_members_name(), count=0, digest="")


def _members_name() -> str:
    return f"members-{secrets.token_hex(8)}.parquet"


def _definition_name(content: bytes) -> str:
    return f"definition-{hashlib.sha256(content).hexdigest()[:32]}.json"


def _free(as_of: int, taken: set[str]) -> str:
    number = 1
    while id_of(as_of, number) in taken:
        number += 1
    return id_of(as_of, number)


def _sweep(folder: Path, every: list[Manifest]) -> None:
    """Remove what no snapshot names."""
    kept = {LOCK, *(name for each in every for name in (f"{each.id}.json", each.members.file, each.definition))}
    for path in folder.iterdir():
        if path.name not in kept and path.is_file():
            path.unlink(missing_ok=True)
