"""Checks a Passerelle bundle or proof file by itself, and says what it proves of people.

    python verify_standalone.py FILE [--key KEY] [--subject s1…] [--held CHECKPOINT] [--witness KEY]

Needs Python 3.11 and nothing else; signatures are checked where the package `cryptography` is, and it says where not.
KEY and CHECKPOINT are files. What makes it a check is a key that you were given earlier, not the file's own. Each line
that it prints was checked. Exit code 0: all of it holds; 4: something is not what it must be.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey, InvalidSignature = None, ValueError  # type: ignore[assignment,misc]

ROWS = {
    "consent": "consent/2 event_id subject_id purpose state event_time precision recorded_at ingested_at valid_until"
    " notice recipients grade stream method actor channel stop expression identified_by adapter evidence fingerprint",
    "decisions": "decision/1 destination audience subject_id allowed reason event_id policy decided_at",
    "batch": "batch/2 batch_id action subject_id",
}
"""What a member's leaf is made of, by the kind of its entry: a tag, and columns in their order."""
NUMBERS = {"event_id", "subject_id", "event_time", "recorded_at", "ingested_at", "valid_until", "allowed", "decided_at"}
BYTES = {"evidence", "fingerprint"}
SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, OSError, EOFError)


class Wrong(ValueError):
    """Something is not what it must be."""


def _must(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _root(leaves: list[bytes]) -> bytes:
    """The root over leaves (RFC 6962)."""
    while len(leaves) > 1:
        odd = leaves[len(leaves) // 2 * 2 :]
        leaves = [_sha(b"\1", *leaves[at : at + 2]) for at in range(0, len(leaves) - 1, 2)] + odd
    return leaves[0] if leaves else _sha()


def _climb(leaf: bytes, index: int, size: int, path: list[str]) -> bytes:
    """The root that a leaf's audit path leads to (RFC 6962, 2.1.1): its last step is the highest."""
    _must(type(index) is type(size) is int and 0 <= index < size and bool(path) == (size > 1), "a proof is too short")
    if size == 1:
        return leaf
    left, step = 1 << (size - 1).bit_length() - 1, bytes.fromhex(path[-1])
    if index < left:
        return _sha(b"\1", _climb(leaf, index, left, path[:-1]), step)
    return _sha(b"\1", step, _climb(leaf, index - left, size - left, path[:-1]))


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _leaf(kind: str, nonce: str, row: dict[str, Any]) -> bytes:
    """A member's leaf: its nonce, and then every column, each led by whether it is there."""
    tag, *columns = ROWS[kind].split()
    _must(row.keys() == set(columns), "a statement has other fields than its kind")
    parts = [b"\0", bytes.fromhex(nonce), tag.encode() + b"\0"]
    for name, value in ((name, row[name]) for name in columns):
        _must(value is None or type(value) is (int if name in NUMBERS else str), "a field is of another kind")
        if name in NUMBERS:
            text = (value or 0).to_bytes(8, "little", signed=True)
        else:
            text = (bytes.fromhex if name in BYTES else str.encode)(value or "")
            text = len(text).to_bytes(4, "little") + text
        parts.append(bytes([value is not None]) + text)
    return _sha(*parts)


def _opened(note: str, keys: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """A note's text, and who of `keys` signed it, and when (c2sp.org/signed-note, tlog-cosignature)."""
    text, _, lines = note.rpartition("\n\n")
    found = []
    for form in map(SIGNATURE.fullmatch, lines.split("\n")[:-1]):
        signer, said = form.groups() if form else ("", "")
        _must(signer, "a note has a line that is no signature")
        key_id, signature = base64.b64decode(said, validate=True)[:4], base64.b64decode(said)[4:]
        for name, shown, public in (key.split("+", 2) for key in keys):
            key = base64.b64decode(public, validate=True)
            _must(_sha(f"{name}\n".encode(), key)[:4].hex() == shown, "a key is none")
            if (name, shown) == (signer, key_id.hex()):
                time, signed = (signature[:8], signature[8:]) if key[0] == 4 else (b"", signature)  # noqa: PLR2004
                lead = f"cosignature/v1\ntime {int.from_bytes(time)}\n" if time else ""
                if Ed25519PublicKey is not None:
                    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signed, f"{lead}{text}\n".encode())
                found.append((name, _iso(int.from_bytes(time) * 1_000_000)))
    return text + "\n", found


def _checkpoint(note: str, keys: list[str]) -> tuple[str, int, bytes]:
    text, signers = _opened(note, keys)
    origin, size, root, *_ = text.split("\n")
    _must(signers and size == str(int(size)), "a checkpoint is not signed with the log's key")
    return origin, int(size), base64.b64decode(root, validate=True)


def _read(path: Path, keys: list[str]) -> dict[str, Any]:
    """What a proof file, or a bundle, holds: as the log's key has signed it."""
    if path.read_bytes().startswith(b"c2sp.org/tlog-proof@v1\n"):
        head, _, note = path.read_text("utf-8").partition("\n\n")
        _, extra, index, *steps = head.split("\n")
        told = json.loads(base64.b64decode(extra.removeprefix("extra "), validate=True))
        parts, signed, manifest = told["evidence"], told["signed"], _canonical(told["evidence"])
        proved = [base64.b64decode(step, validate=True).hex() for step in steps]
        first = parts["entries"][0]
        _must((index, proved) == (f"index {first['index']}", first["path"]), "the proof is of another entry")
    else:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
            _must(len(files) == len(archive.namelist()), "the bundle has a file twice")
        manifest, signed = files.pop("manifest.json"), files.pop("manifest.note").decode()
        found = {name: _sha(body).hex() for name, body in files.items()}
        _must(json.loads(manifest)["files"] == found, "a file is not the one that the manifest names")
        parts, note = json.loads(files["evidence.json"]), files["checkpoint.txt"].decode()
    keys = _handed_over(parts["entries"], keys or parts["keys"])
    text, signers = _opened(signed, keys[-1:])
    _must(signers and text == f"passerelle-evidence/1\n{_sha(manifest).hex()}\n", "it was not signed so")
    return {**parts, "note": note, "keys": keys}


def _handed_over(entries: list[dict[str, Any]], keys: list[str]) -> list[str]:
    """The log's keys, from the first on: each hands over to the next in an entry that both have signed."""
    for index, body in ((one["index"], one["entry"]["body"]) for one in entries if "handover" in one["entry"]["body"]):
        pair = [keys[-1], body["verifier"]]
        text, signers = _opened(body["handover"], pair)
        said = "\n".join(["passerelle-handover/1", keys[0].split("+")[0], str(index + 1), *pair, ""])
        _must(text == said and len(signers) == len(pair), "a key was not handed over by the one before it")
        keys = [*keys, body["verifier"]]
    return keys


def _check(parts: dict[str, Any], held: list[str], witnesses: list[str]) -> Iterator[str]:
    """Checkpoints, entries, statements and texts: what holds, line by line."""
    entries = {one["index"]: one["entry"] for one in parts["entries"]}
    origin, size, root = _checkpoint(parts["note"], parts["keys"][-1:])
    leaves = [_sha(b"\0", _canonical(one["entry"])) for one in parts["entries"]]
    whole = list(entries) == list(range(size))
    proved = (_climb(leaf, one["index"], size, one["path"]) for leaf, one in zip(leaves, parts["entries"], strict=True))
    _must(_root(leaves) == root if whole else set(proved) == {root}, "the entries are not those of the log")
    yield f"log {origin}: {size} entries, root {root.hex()}; here are {'all' if whole else len(entries)} of them"
    silent = {key.split("+")[0] for key in witnesses}
    for note in [parts["note"], *parts["checkpoints"], *held]:
        name, part, then = _checkpoint(note, parts["keys"])
        same = _root(leaves[:part]) == then if whole and part <= size else (part, then) == (size, root)
        _must(name == origin and same, "the log does not continue a checkpoint, or this file cannot show it")
        for who, at in _opened(note, witnesses)[1]:
            silent.discard(who)
            yield f"{who} saw the log of {part} entries at {at}"
    _must(not silent, "a witness has signed nothing here")
    _check_members(parts["members"], entries)
    for one in parts["documents"]:
        shown = {"notice": one["name"], **one["body"]} if one["kind"] == "notice" else {"policy": one["body"]}
        named = [entry["body"]["digest"] for entry in entries.values() if entry["kind"] == one["kind"]]
        _must(_sha(_canonical(shown)).hex() in named, "a text is not the one that the log names")
    yield f"{len(parts['members'])} statements about people and {len(parts['documents'])} texts are in it"


def _check_members(members: list[dict[str, Any]], entries: dict[int, Any]) -> None:
    """Each statement is in its entry by its path; or, where all of an entry are here, by the root over them."""
    together: dict[str, list[bytes]] = {}
    for one in members:
        entry = entries[one["entry"]]
        body, leaf = entry["body"], _leaf(entry["kind"], one["nonce"], one["row"])
        if one["path"] is None:
            together.setdefault(body["root"], []).append(leaf)
        else:
            root = _climb(leaf, one["position"], body["members"], one["path"])
            _must(root.hex() == body["root"], "a statement is not in the log")
    _must(all(_root(sorted(each)).hex() == root for root, each in together.items()), "a statement is not in the log")


def _answer(parts: dict[str, Any], ref: str) -> Iterator[str]:
    """Where a person was sent, on what ground, and when they were out."""
    ids, entries = parts["people"].get(ref, []), {one["index"]: one["entry"] for one in parts["entries"]}
    yield f"{ref}: {f'number {ids} in the register' if ids else 'nobody of that name is here'}"
    receipts = {one["body"]["batch"]: one for _, one in sorted(entries.items()) if one["kind"] == "receipt"}
    texts = {one["name"]: one["body"] for one in parts["documents"]}
    for one in (one | entries[one["entry"]] for one in parts["members"] if one["row"]["subject_id"] in ids):
        row, where = one["row"], f"log entry {one['entry']} of {_iso(one['at'])}"
        place = " / ".join(str((row | one["body"]).get(name)) for name in ("destination", "audience"))
        if one["kind"] == "consent":
            when = f"said at {_iso(row['event_time'])} ({row['precision']})"
            yield f"{where}: CONSENT {row['event_id']} is {row['state']} for {row['purpose']}, {when}"
            yield f"    under {row['notice'] or 'no notice'}: {texts.get(row['notice'], {}).get('text', 'not in here')}"
        elif one["kind"] == "decisions":
            word = "ALLOWED" if row["allowed"] == 1 else "REFUSED"
            yield f"{where}: {word} in {place}: {row['reason']}, consent {row['event_id']}, policy {row['policy']}"
        else:
            word = "SENT to" if row["action"] == "add" else "REMOVAL asked of"
            yield f"{where}: {word} {place}, batch {one['body']['label']}"
            told = receipts.get(one["body"]["label"], {"body": {"state": "no answer is here"}, "at": None})
            counts = [f"{told['body'].get(name)} {name}" for name in ("accepted", "rejected", "pending")]
            yield f"    the platform at {_iso(told['at'])}: {told['body']['state']}, {', '.join(counts)}"


def _iso(at: int | None) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at or 0)
    return "an unknown time" if at is None else moment.isoformat(timespec="seconds")


def main() -> int:
    """Check, and say."""
    parser = argparse.ArgumentParser(description="Check a Passerelle bundle or proof.")
    parser.add_argument("file", type=Path)
    for name in ("key", "subject", "held", "witness"):
        parser.add_argument(f"--{name}", action="append", default=[])
    asked = parser.parse_args()
    try:
        parts = _read(asked.file, [Path(one).read_text("utf-8").split()[0] for one in asked.key])
        held, seen = ([Path(one).read_text("utf-8") for one in given] for given in (asked.held, asked.witness))
        lines = list(_check(parts, held, " ".join(seen).split()))
        lines += [line for ref in asked.subject or list(parts["people"]) for line in _answer(parts, ref)]
    except (InvalidSignature, zlib.error, zipfile.BadZipFile, *MALFORMED) as problem:
        sys.stderr.write(f"NOT SOUND: {problem if isinstance(problem, Wrong) else 'malformed, or changed'}\n")
        return 4
    if not asked.key:
        lines.insert(0, f"the key is the file's own; compare it with yours: {' '.join(parts['keys'])}")
    if Ed25519PublicKey is None:
        lines.insert(0, "SIGNATURES WERE NOT CHECKED: `pip install cryptography`, and run this again")
    for line in [*lines, "Everything above was checked."]:
        sys.stdout.write("".join(one if one.isprintable() else "?" for one in line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
