"""Versions of the policy and of notices, kept as they were when something rested on them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from passerelle.privacy.consent.digest import canonical_text
from passerelle.privacy.consent.notice import Version, notice_digest
from passerelle.privacy.consent.policy import Policy
from passerelle.privacy.errors import DefinitionError
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


def keep(store: Store, log: Journal, connection: Connection, documents: Iterable[Document], *, now: int) -> int:
    """Keep and log those that are new, and return how many. What is kept is never changed.

    Raises `DefinitionError` where a notice differs from what is kept under its version: people agreed to that text.
    A policy that changed without a new version number is kept beside the earlier one, since its digest tells it apart.
    """
    held = store.table(connection, select(t.document.c.kind, t.document.c.digest, t.document.c.name))
    digests = set(zip(held["kind"].to_pylist(), held["digest"].to_pylist(), strict=True))
    notices = {row["name"] for row in held.to_pylist() if row["kind"] == "notice"}
    new = [one for one in documents if (one.kind, one.digest) not in digests]
    for document in new:
        if document.kind == "notice" and document.name in notices:
            raise DefinitionError(
                f"Notice {document.name} is not what it was: people agreed to another text under this version.",
                advice="Put the earlier text back under `earlier:`, and give the new one a higher version.",
            )
        body = {"name": document.name, "digest": document.digest}
        index = log.append(connection, document.kind, body, now=now)
        row: dict[str, pa.Array | list[object]] = {
            "kind": [document.kind],
            "digest": [document.digest],
            "name": [document.name],
            "body": [canonical_text(document.body)],
            "log_index": [index],
            "recorded_at": [now],
        }
        store.insert(connection, t.document, row)
    return len(new)


def kept_notices(connection: Connection) -> dict[str, Version]:
    """Every version of every notice that was ever kept, by reference."""
    rows = connection.execute(select(t.document.c.name, t.document.c.body).where(t.document.c.kind == "notice"))
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
