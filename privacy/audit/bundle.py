"""A bundle: evidence in one file for somebody without the log, and without this program.

The same log and the same question give the same bytes. `evidence.json` and `checkpoint.txt` are what the enclosed
`verify_standalone.py` checks; tables, texts and the index are for people to read. `manifest.json` names every file with
its SHA-256, and `manifest.note` is the log's signature over it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection

from passerelle.privacy.audit.bundle_tables import index_page, removals_table, uploads_table
from passerelle.privacy.audit.proof import Evidence, evidence
from passerelle.privacy.audit.proof_rows import Asked
from passerelle.privacy.audit.safe_csv import safe_csv
from passerelle.privacy.log import Log, canonical
from passerelle.privacy.log.witnesses import TIMESTAMP, note_at, words
from passerelle.privacy.store import Store

VERIFIER = "verify_standalone.py"
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file, and what there is to say of it."""

    data: bytes
    size: int
    statements: int
    people: int
    verifier_sha256: str


def bundle(store: Store, log: Log, connection: Connection, asked: Asked, *, scope: Mapping[str, object]) -> Bundle:
    """Everything that the log says of the people asked about, with every entry of the log. `scope` says what was asked.

    Raises `IntegrityError` where a row is not what the log says of it.
    """
    found = evidence(store, log, connection, asked, whole=True)
    verifier = verifier_source()
    contents: dict[str, bytes] = {
        "evidence.json": canonical(found.parts) + b"\n",
        "checkpoint.txt": found.note.encode(),
        "verifier.txt": f"{log.verifier.text}\n".encode(),
        VERIFIER: verifier,
        **_texts(found),
        **_stamps(connection, found.size),
    }
    uploads, removals = uploads_table(found, asked), removals_table(found)
    for name, (columns, rows) in {"uploads": uploads, "withdrawals": removals}.items():
        contents[f"tables/{name}.csv"] = safe_csv(columns, rows).encode()
        contents[f"tables/{name}.json"] = _readable(rows)
    contents["INDEX.md"] = index_page(found, scope, sorted(contents), _sha256(verifier)).encode()
    manifest = _readable(
        {
            "format": "passerelle-bundle/1",
            "origin": log.origin,
            "size": found.size,
            "scope": dict(scope),
            "files": {name: _sha256(body) for name, body in sorted(contents.items())},
        }
    )
    contents |= {"manifest.json": manifest, "manifest.note": log.attest(_sha256(manifest)).encode()}
    members, people = found.parts["members"], found.parts["people"]
    return Bundle(_zipped(contents), found.size, len(members), len(people), _sha256(verifier))


def verifier_source() -> bytes:
    """The stand-alone verifier, as it ships."""
    return files("passerelle.privacy.audit").joinpath(VERIFIER).read_bytes()


def _texts(found: Evidence) -> dict[str, bytes]:
    """Notices and policies as readable files, named after their entry."""
    documents = found.parts["documents"]
    return {f"texts/{one['entry']}-{one['kind']}-{one['name']}.json": _readable(one["body"]) for one in documents}


def _stamps(connection: Connection, size: int) -> dict[str, bytes]:
    """Authorities' time stamps, each with what was stamped, for `openssl ts -verify`."""
    stamps = [word for word in words(connection, TIMESTAMP) if word.size <= size]
    found = {f"timestamps/{word.size}-{word.name}.tsr": word.body for word in stamps}
    return found | {f"timestamps/{word.size}.txt": note_at(connection, word.size).encode() for word in stamps}


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    """A ZIP whose bytes follow from its contents alone: no dates, no order of chance."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, body in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _MODE, 3
            archive.writestr(entry, body)
    return stream.getvalue()


def _readable(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
