"""Versions of the policy and of notices, kept as they were when something rested on them."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from passerelle.privacy.consent.digest import canonical_text
from passerelle.privacy.consent.notice import Version, notice_digest
from passerelle.privacy.consent.policy import Policy
from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True)
class Document:
    """One version of one document: `kind` is policy or notice, `name` its reference, `digest` over `body`."""

    kind: str
    name: str
    digest: str
    body: Mapping[str, Any]

    @classmethod
    def of_policy(cls, policy: Policy) -> "Document":
        """The policy."""
        return cls("policy", f"policy@{policy.version}", policy.digest, policy.document())

    @classmethod
    def of_notice(cls, reference: str, version: Version) -> "Document":
        """A version of a notice."""
        body = version.model_dump(mode="json", exclude_none=True)
        return cls("notice", reference, notice_digest(reference, version), body)


def time_of(connection: Connection, log_index: int) -> int:
    """When an entry of the log was written. Raises `IntegrityError` where there is none."""
    body = connection.scalar(select(t.log_entry.c.body).where(t.log_entry.c.log_index == log_index))
    if body is None:
        raise IntegrityError("The log has no such entry.", advice="Run `passerelle audit verify`.")
    return int(json.loads(body)["at"])


def policy_in_force(connection: Connection, log_size: int | None = None) -> Policy | None:
    """The policy that the last entry about one put in force, of the log's first `log_size`; None before the first."""
    found = last_policy(connection, log_size)
    return None if found is None else policy_of(connection, found)


def last_policy(connection: Connection, log_size: int | None = None) -> str | None:
    """The digest of the policy in force, of the log's first `log_size` entries."""
    c = t.log_entry.c
    wanted = select(c.body).where(c.kind == "policy").order_by(c.log_index.desc()).limit(1)
    body = connection.scalar(wanted if log_size is None else wanted.where(c.log_index < log_size))
    return None if body is None else str(json.loads(body)["body"]["digest"])


def policy_of(connection: Connection, digest: str) -> Policy:
    """The policy that is on file under this digest. Raises `DefinitionError` where none is."""
    c = t.document.c
    body = connection.scalar(select(c.body).where(c.kind == "policy", c.digest == digest))
    if body is None:
        raise DefinitionError("No policy of that digest is on file.", advice="`passerelle policy history` lists them.")
    return Policy.model_validate_json(body)


def policies_of(connection: Connection, beginning: str) -> list[Policy]:
    """The policies on file whose digest begins so."""
    c = t.document.c
    wanted = select(c.body).where(c.kind == "policy", c.digest.startswith(beginning, autoescape=True))
    return [Policy.model_validate_json(body) for (body,) in connection.execute(wanted)]


def keep(store: Store, log: Journal, connection: Connection, documents: Iterable[Document], *, now: int) -> int:
    """Keep and log those that are new, and return how many. What is kept is never changed.

    Raises `DefinitionError` where a notice differs from what is kept under its version: people agreed to that text.
    A policy that changed without a new version number is kept beside the earlier one, since its digest tells it apart;
    one that is in force again has an entry again, though it is on file already.
    """
    held = store.table(connection, select(t.document.c.kind, t.document.c.digest, t.document.c.name))
    digests = set(zip(held["kind"].to_pylist(), held["digest"].to_pylist(), strict=True))
    notices = {row["name"] for row in held.to_pylist() if row["kind"] == "notice"}
    before = last_policy(connection)
    changed = [one for one in documents if _is_new(one, digests, before)]
    for document in changed:
        if document.kind == "notice" and document.name in notices:
            raise DefinitionError(
                f"Notice {document.name} is not what it was: people agreed to another text under this version.",
                advice="Put the earlier text back under `earlier:`, and give the new one a higher version.",
            )
        index = log.append(connection, document.kind, _entry(document, before), now=now)
        if (document.kind, document.digest) in digests:
            continue
        row: dict[str, pa.Array | list[object]] = {
            "kind": [document.kind],
            "digest": [document.digest],
            "name": [document.name],
            "body": [canonical_text(document.body)],
            "log_index": [index],
            "recorded_at": [now],
        }
        store.insert(connection, t.document, row)
    return len(changed)


def _is_new(document: Document, digests: Collection[tuple[str, str]], before: str | None) -> bool:
    """Whether the log is to say it: a text that is not on file, or another policy than the one in force."""
    return document.digest != before if document.kind == "policy" else (document.kind, document.digest) not in digests


def _entry(document: Document, before: str | None) -> dict[str, object]:
    """What the log says of it; of a policy also what it takes the place of, and who may change it."""
    body: dict[str, object] = {"name": document.name, "digest": document.digest}
    if document.kind == "policy":
        body |= {"before": before, "approvers": list(document.body.get("approvers", ()))}
    return body


def kept_notices(connection: Connection, log_size: int | None = None) -> dict[str, Version]:
    """Every version of every notice that was ever kept, by reference; with `log_size`, by that many entries."""
    c = t.document.c
    wanted = select(c.name, c.body).where(c.kind == "notice")
    rows = connection.execute(wanted if log_size is None else wanted.where(c.log_index < log_size))
    return {name: Version.model_validate_json(body) for name, body in rows}


def kept(connection: Connection, kind: str, *, name: str = "", digest: str = "") -> Mapping[str, Any] | None:
    """A kept document's row by its name or digest, its body read as JSON; None where there is none."""
    c = t.document.c
    wanted = c.digest == digest if digest else c.name == name
    row = (
        connection.execute(select(t.document).where(c.kind == kind, wanted).order_by(c.log_index.desc()))
        .mappings()
        .first()
    )
    return None if row is None else {**row, "body": json.loads(row["body"])}
