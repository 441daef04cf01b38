"""What people read in a bundle: its tables and its index, made from the evidence alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.audit.proof import Evidence
from passerelle.privacy.audit.proof_rows import Asked
from passerelle.privacy.audit.safe_csv import Cell
from passerelle.privacy.audit.times import iso
from passerelle.privacy.vocabulary import ConsentState

Table = tuple[Sequence[str], list[dict[str, Cell]]]

_UPLOADS: tuple[str, ...] = ("batch", "destination", "audience", "purpose", "action", "rows", "sent_at", "state")
_UPLOADS += ("accepted", "rejected", "pending", "answered_at", "entry", "replacement")
_WITHDRAWALS: tuple[str, ...] = ("subject_ref", "purpose", "state", "said_at", "heard_at", "stream", "consent")
_WITHDRAWALS += ("destination", "audience", "removal_asked_at", "removal_state", "removal_answered_at")


def uploads_table(found: Evidence, asked: Asked) -> Table:
    """Every batch of the log that was asked about, oldest first, and the platform's last word on it."""
    receipts = _receipts(found)
    rows: list[dict[str, Cell]] = []
    for index, entry in _entries(found, "batch"):
        body = entry["body"]
        if not _wanted(body, entry["at"], asked):
            continue
        told = receipts.get(body["label"], {"at": None, "body": {}})
        said = {name: told["body"].get(name) for name in ("state", "accepted", "rejected", "pending")}
        row = {name: body.get(name) for name in ("destination", "audience", "purpose", "action", "rows")}
        times = {"sent_at": iso(entry["at"]), "answered_at": iso(told["at"])}
        part_of = {"replacement": body.get("replacement")}
        rows.append({"batch": body["label"], **row, **said, **times, "entry": index, **part_of})
    return _UPLOADS, rows


def removals_table(found: Evidence) -> Table:
    """Every no of the people in the bundle, and each removal that followed it."""
    entries, receipts = dict(_entries(found)), _receipts(found)
    refs = {number: ref for ref, numbers in found.parts["people"].items() for number in numbers}
    members = found.parts["members"]
    rows: list[dict[str, Cell]] = []
    for one in members:
        row, entry = one["row"], entries[one["entry"]]
        if entry["kind"] != "consent" or ConsentState(row["state"]).permits:
            continue
        ref = refs.get(row["subject_id"])
        no: dict[str, Cell] = {"subject_ref": ref, "consent": row["event_id"], "heard_at": iso(entry["at"])}
        no |= {name: row[name] for name in ("purpose", "state", "stream")} | {"said_at": iso(row["event_time"])}
        after = [
            other for other in members if refs.get(other["row"]["subject_id"]) == ref and other["entry"] > one["entry"]
        ]
        gone = [entries[other["entry"]] for other in after if other["row"].get("action") == "remove"]
        rows += [no | _removal(removed, receipts) for removed in gone] or [no]
    return _WITHDRAWALS, rows


def index_page(found: Evidence, scope: Mapping[str, object], names: Sequence[str], verifier: str) -> str:
    """What is in the bundle, and how to check it."""
    asked = [
        f"- {name.replace('_', ' ')}: {_plain(one)}"
        for name, value in scope.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    origin = found.note.partition("\n")[0]
    return "\n".join(
        [
            f"# Evidence of the log {_plain(origin)}",
            "",
            f"Entries: {found.size:,}. Statements about people: {len(found.parts['members']):,}.",
            f"People: {len(found.parts['people']):,}.",
            "",
            "Asked for:",
            "",
            *(asked or ["- everything but people"]),
            "",
            "## Check it",
            "",
            "Take `verify_standalone.py` from where you trust it, or compare the one in here:",
            f"its SHA-256 is `{verifier}`.",
            "",
            "    python verify_standalone.py BUNDLE.zip --key KEY-FILE",
            "",
            "KEY-FILE holds the log's key as you were given it, by another way than this file.",
            "What it prints, it has computed again from `evidence.json`; the tables are for reading.",
            "",
            "## Files",
            "",
            *(f"- `{name}`" for name in names),
            "",
        ]
    )


def _removal(entry: Mapping[str, Any], receipts: Mapping[str, Any]) -> dict[str, Cell]:
    body = entry["body"]
    told = receipts.get(body["label"], {"at": None, "body": {}})
    return {
        "destination": body["destination"],
        "audience": body["audience"],
        "removal_asked_at": iso(entry["at"]),
        "removal_state": told["body"].get("state"),
        "removal_answered_at": iso(told["at"]),
    }


def _receipts(found: Evidence) -> dict[str, Any]:
    """The last word of the platform on each batch."""
    return {entry["body"]["batch"]: entry for _, entry in _entries(found, "receipt")}


def _entries(found: Evidence, kind: str | None = None) -> list[tuple[int, Any]]:
    every = [(one["index"], one["entry"]) for one in found.parts["entries"]]
    return [(index, entry) for index, entry in every if kind is None or entry["kind"] == kind]


def _wanted(body: Mapping[str, Any], at: int, asked: Asked) -> bool:
    same = all(
        wanted is None or body.get(name) == wanted
        for name, wanted in (("destination", asked.destination), ("audience", asked.audience), ("label", asked.batch))
    )
    return same and (asked.since is None or at >= asked.since) and (asked.until is None or at < asked.until)


def _plain(value: object) -> str:
    """A word of the workspace as Markdown shows it: no line of its own, no markup."""
    return "`" + "".join(one for one in str(value) if one.isprintable() and one != "`") + "`"
