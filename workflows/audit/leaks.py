"""`audit leaks`: looks in files for identifiers of a sample of people from the vault, and for their hashes.

Nothing that is found is shown: only the file, what kind of thing it was, and how often. The sources' own files, keys
and secrets are left out, since identifiers belong there.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.identifiers import is_hashed, match_key, normalize, supported
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import beside
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Field
from passerelle.workflows.audit.needles import Needles

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.workflows.workspace import Workspace

IN_CLEAR = (Field.EMAIL, Field.PHONE, Field.EXTERNAL_ID, Field.MOBILE_AD_ID)
"""Fields whose values alone point at one person. Names and cities are looked for as hashes only: words repeat."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which files: everything below `folders`, but for what is below `apart`; of `temp` only what is this user's.

    Of the temporary folder the newest files are looked at, so many and so much; others are counted as left out.
    """

    folders: tuple[Path, ...]
    apart: tuple[Path, ...]
    temp: Path | None
    temp_files: int = 20_000
    temp_bytes: int = 1 << 29


def leaks(workspace: "Workspace", connection: "Connection", *, sample: int, where: Where) -> Answer:
    """Look everywhere. A file that cannot be read is counted: nothing is said of it."""
    people = _sampled(connection, sample)
    held = workspace.subjects().identifiers(connection, pa.array(people, pa.int64()))
    needles = Needles(forms(held))
    hits: list[Line] = []
    chosen, left_out = _files(where)
    counts = {"files": 0, "bytes": 0, "unreadable": 0, "left_out": left_out}
    for path in chosen:
        try:
            with beside.opened(path) as file:
                told = needles.found(file)
                counts["bytes"] += file.tell()
        except OSError:
            counts["unreadable"] += 1
            continue
        counts["files"] += 1
        hits += [{"file": _shown(path, workspace.folder), "what": what, "times": n} for what, n in sorted(told.items())]
    return Answer(
        facts={"people_looked_for": len(people), "forms_looked_for": len(needles), **counts},
        tables={"leaks": hits},
        findings=found(Found("files hold identifiers or hashes of people", len({line["file"] for line in hits}))),
        advice="Delete these files and find what wrote them; n8n keeps executions unless its settings forbid it.",
    )


def _sampled(connection: "Connection", sample: int) -> list[int]:
    """People who have keys, evenly spread over all of them, the newest among them."""
    ids = [row for (row,) in connection.execute(select(t.vault.c.subject_id).order_by(t.vault.c.subject_id))]
    places = np.unique(np.linspace(0, max(len(ids) - 1, 0), min(sample, len(ids)), dtype=np.int64))
    return [ids[place] for place in places.tolist()]


def forms(held: Personal) -> dict[bytes, str]:
    """Everything that would give these people away, and what it is."""
    table = held.reveal()
    country = table["country"].combine_chunks()
    what: dict[bytes, str] = {}
    for field in Field:
        if field.value not in table.column_names or field is Field.COUNTRY:
            continue
        lists = table[field.value].combine_chunks()
        if not pa.types.is_list(lists.type):
            continue
        values = lists.flatten()
        countries = country.take(pc.list_parent_indices(lists))
        if field in IN_CLEAR:
            what |= _clear(field, values, countries)
        what |= _hashed(field, values, countries)
    return what


def _clear(field: Field, values: pa.Array, countries: pa.Array) -> dict[bytes, str]:
    texts = {text for text in values.to_pylist() if text}
    for platform in Destination:
        if supported(field, platform):
            texts |= {text for text in normalize(field, platform, values, countries).value.to_pylist() if text}
    texts |= {text.lower() for text in texts} | {text.upper() for text in texts} | {text.lstrip("+") for text in texts}
    kinds = {encoded: f"{field.value} in clear" for text in texts for encoded in _encoded(text)}
    return kinds | {form: f"SHA-256 of {field.value}" for text in texts for form in _digests(text)}


def _encoded(text: str) -> Iterable[bytes]:
    raw = text.encode()
    return (raw, text.encode("utf-16-le"), base64.b64encode(raw).rstrip(b"="))


def _digests(text: str) -> Iterable[bytes]:
    return _written(hashlib.sha256(text.encode()).digest())


def _written(digest: bytes) -> Iterable[bytes]:
    """A digest as files hold it: hex in both cases, base64 in both alphabets, bytes."""
    in_hex = digest.hex().encode()
    in_base64 = (base64.b64encode(digest).rstrip(b"="), base64.urlsafe_b64encode(digest).rstrip(b"="))
    return (in_hex, in_hex.upper(), *in_base64, digest)


def _hashed(field: Field, values: pa.Array, countries: pa.Array) -> dict[bytes, str]:
    """What really goes to a platform, in every writing."""
    what: dict[bytes, str] = {}
    for platform in Destination:
        if supported(field, platform) and is_hashed(field, platform):
            for word in match_key(field, platform, values, countries).value.to_pylist():
                if word:
                    what |= dict.fromkeys(_written(bytes.fromhex(word)), f"SHA-256 of {field.value}")
    return what


def _files(where: Where) -> tuple[list[Path], int]:
    """Every file once, in order; and how many of the temporary folder are left out."""
    chosen = dict.fromkeys(path for folder in where.folders for path in _below(folder, where.apart))
    temporary = [] if where.temp is None else [path for path in _below(where.temp, where.apart) if path not in chosen]
    mine = sorted((found for path in temporary if (found := _mine(path)) is not None), reverse=True)
    room = where.temp_bytes
    for count, (_, size, path) in enumerate(mine):
        room -= size
        if count >= where.temp_files or room < 0:
            return list(chosen), len(mine) - count
        chosen[path] = None
    return list(chosen), 0


def _below(folder: Path, apart: tuple[Path, ...]) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for root, names, files in os.walk(folder):
        here = Path(root)
        names[:] = sorted(name for name in names if here / name not in apart and not (here / name).is_symlink())
        for name in sorted(files):
            path = here / name
            if path not in apart and path.is_file() and not path.is_symlink():
                yield path


def _mine(path: Path) -> tuple[int, int, Path] | None:
    """When this user's file was written (ns), its size in bytes, and itself; None for anybody else's."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, path) if found.st_uid == os.getuid() else None


def belonging(workspace: "Workspace") -> tuple[Path, ...]:
    """Where identifiers belong: keys, secrets, the files that sources are read from, and the local twins' memory."""
    # What a local twin remembers stands for the platform, which has these people's hashes by right.
    apart = {workspace.path(name) for name in ("keys", "secrets", "var/twins.json")}
    for plugged in workspace.sources.values():
        pattern = getattr(plugged.settings, "path", None)
        if isinstance(pattern, str):
            apart |= set(workspace.folder.glob(pattern)) if not pattern.startswith("/") else {Path(pattern)}
        url = getattr(plugged.settings, "url", None)
        if isinstance(url, str) and url.startswith("sqlite:///"):
            apart.add(workspace.path(url.removeprefix("sqlite:///")))
    return tuple(sorted(apart))


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
