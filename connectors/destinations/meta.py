"""Meta Custom Audiences, as a destination. The SDK is transport; consent, normalising and hashing are ours.

One upload session per push. Meta answers with a receipt; the session's status says later whether it was carried out.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from passerelle.connectors.contract.destination import (
    AudienceSpec,
    AudienceState,
    Capabilities,
    Check,
    Intent,
    MatchKeys,
    NotNow,
    Part,
    Reach,
    Receipt,
    RemoteAudience,
    Replacement,
    Replaces,
)
from passerelle.connectors.destinations import meta_audiences, meta_replace, meta_rows
from passerelle.connectors.destinations.meta_checks import account_checks, version_check
from passerelle.connectors.destinations.meta_errors import Flagged
from passerelle.connectors.destinations.meta_forget import farewell_rows
from passerelle.connectors.destinations.meta_labels import LABELS
from passerelle.connectors.destinations.meta_settings import MetaSettings
from passerelle.connectors.destinations.meta_status import alarm, read_state, session_ended
from passerelle.connectors.errors import OutcomeUnknown
from passerelle.privacy.consent.cleared import ClearedBatch, FarewellBatch, RemovalBatch
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.personal import Personal
from passerelle.privacy.secret_file import read_secret
from passerelle.privacy.vocabulary import Destination as Platform

if TYPE_CHECKING:
    from passerelle.connectors.destinations.meta_wire import MetaWire

ROWS = 10_000
STATE_FIELDS = (
    "id,name,operation_status,delivery_status,approximate_count_lower_bound,approximate_count_upper_bound,"
    "fields_violating_integrity_policy"
)
SESSION_LASTS = 26 * 3600.0
"""Seconds. Meta closes a session after 90 minutes and carries it out within 24 hours: after that it is lost."""
INVALID = "invalid_entry"


def _today() -> date:
    return datetime.now(UTC).date()


class Meta:
    """The Custom Audiences of one ad account."""

    Settings: ClassVar[type[MetaSettings]] = MetaSettings
    LABELS: ClassVar[frozenset[str]] = LABELS
    VALUE_COLUMN: ClassVar[str] = meta_rows.VALUE

    def __init__(
        self,
        name: str,
        settings: MetaSettings,
        *,
        folder: Path,
        sleep: Callable[[float], None] = time.sleep,
        today: Callable[[], date] = _today,
    ) -> None:
        self._name = name
        self._settings = settings
        self._folder = folder
        self._sleep = sleep
        self._today = today

    @property
    def name(self) -> str:
        """Its name in `passerelle.yaml`."""
        return self._name

    @property
    def platform(self) -> Platform:
        """Meta's rules apply."""
        return Platform.META

    @property
    def capabilities(self) -> Capabilities:
        """At most 10,000 rows a request; receipts are settled later."""
        return Capabilities(
            rows_per_request=self._settings.rows_per_request,
            asynchronous_receipts=True,
            flags_names=True,
            replaces=Replaces.SWITCH,
            settles_within=SESSION_LASTS,
        )

    @cached_property
    def _wire(self) -> "MetaWire":
        from passerelle.connectors.destinations.meta_wire import MetaWire

        wanted = self._settings
        secret = read_secret(self._folder / wanted.app_secret_file) if wanted.app_secret_file else None
        return MetaWire(
            read_secret(self._folder / wanted.token_file),
            secret=secret,
            version=wanted.api_version,
            endpoint=wanted.endpoint,
            timeout=wanted.timeout_seconds,
            sleep=self._sleep,
        )

    def find(self, spec: AudienceSpec) -> RemoteAudience | None:
        """The audience that carries our mark."""
        found = meta_audiences.marked(self._wire, self._settings.ad_account, spec)
        if found is None:
            return None
        remote = RemoteAudience(str(found["id"]), meta_rows.schema_of(spec))
        return replace(remote, adopted=not meta_replace.is_empty(self._wire, remote))

    def ensure(self, spec: AudienceSpec, known: RemoteAudience | None) -> RemoteAudience:
        """The known audience if it is still there, else the one that carries our mark, else a new one."""
        remote = known or self.find(spec)
        if remote is None:
            source = self._settings.customer_file_source.upper()
            made = meta_audiences.create(self._wire, self._settings.ad_account, spec, source)
            return RemoteAudience(made, meta_rows.schema_of(spec))
        with self._told_what_is_flagged(remote.remote_id):
            held = self._wire.get((remote.remote_id,), fields=meta_audiences.FIELDS)
            meta_audiences.fits(spec, held)
            meta_audiences.revise(self._wire, spec, held)
        return remote

    @contextmanager
    def _told_what_is_flagged(self, remote_id: str) -> Iterator[None]:
        """Where Meta refuses because it flagged the audience, say which of its fields it means."""
        refusal: Flagged | None = None
        try:
            yield
        except Flagged as problem:
            refusal = problem
        if refusal is None:
            return
        try:
            fields = meta_audiences.flagged_fields(self._wire, remote_id)
        except PasserelleError:
            fields = []
        raise refusal.about(fields)

    def match_keys(self, batch: ClearedBatch, remote: RemoteAudience) -> MatchKeys:
        """Normalise and hash for Meta."""
        return meta_rows.match_keys(batch, remote.columns)

    def reach(self, identifiers: Personal) -> Reach:
        """Who of these people Meta could find."""
        return meta_rows.reach(identifiers)

    def add(
        self, remote: RemoteAudience, batch: ClearedBatch, keys: MatchKeys, intent: Intent, part: Part | None = None
    ) -> Receipt:
        """Send people in a session of their own, or in that of a replacement."""
        if batch.destination is not Platform.META:
            raise ValueError("cleared for another platform")
        if part is not None:
            return self._push_part(remote, keys, intent, part)
        return self._push(remote, keys.subject_ids, keys.rows, intent)

    def remove(self, remote: RemoteAudience, batch: RemovalBatch, intent: Intent) -> Receipt:
        """Take people out: a POST that says delete, since a DELETE would carry them in its URL."""
        return self._push(remote, batch.subject_ids, batch.rows, intent, method="delete")

    def forget_everywhere(self, batch: FarewellBatch, intent: Intent) -> Receipt:
        """Have Meta drop people from every audience of the ad account: those made by hand or by other tools, too."""
        del intent  # asking again is harmless, and no session tells tries apart
        rows, known = farewell_rows(batch.identifiers)
        table, schema = rows.reveal(), tuple(meta_rows.SCHEMA)
        received = 0
        for start in range(0, table.num_rows, ROWS):
            part = Personal(table.slice(start, ROWS))
            path = (self._settings.ad_account, "usersofanyaudience")
            answer = self._wire.send(path, meta_rows.payload(part, schema), None, method="delete")
            received += len(part) - _missing(answer, len(part))
        request: dict[str, str | int] = {
            "api_version": self._settings.api_version,
            "rows": table.num_rows,
            "received": received,
            "without_keys": len(batch.subject_ids) - known,
        }
        if received < table.num_rows:  # whose rows is not said: all stay owed
            count = len(batch.subject_ids)
            return Receipt("settled", 0, count, 0, request, {INVALID: count})
        return Receipt("settled", len(batch.subject_ids), 0, 0, request)

    def _push(
        self, remote: RemoteAudience, people: pa.Array, rows: Personal, intent: Intent, *, method: str | None = None
    ) -> Receipt:
        count = len(rows)
        if count > ROWS:
            raise ValueError("more rows than one request takes")
        if not count:
            return Receipt("settled", 0, 0, 0, {})
        sessions: list[int] = []

        def session(number: int) -> dict[str, Any]:
            intent.still_good()
            sessions.append(_session_id(remote.remote_id, intent, number))
            return {"session_id": sessions[-1], "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": count}

        columns = remote.columns if method is None else meta_rows.keys_of(remote.columns)
        text = meta_rows.payload(rows, columns)
        with self._told_what_is_flagged(remote.remote_id):
            answer = self._wire.send((remote.remote_id, "users"), text, session, method=method)
        made: dict[str, str | int] = {"session_id": sessions[-1], "api_version": self._settings.api_version}
        return _receipt(answer, made, people, rows)

    def begin_replace(self, remote: RemoteAudience, total: int, intent: Intent, now: int) -> Replacement | NotNow:
        """Whether Meta takes a replacement of all members now."""
        token: dict[str, str | int] = {
            "session_id": _session_id(remote.remote_id, intent, 1),
            "api_version": self._settings.api_version,
            meta_replace.REPLACES: 1,
        }
        return meta_replace.begin(self._wire, remote, total, token, now)

    def _push_part(self, remote: RemoteAudience, keys: MatchKeys, intent: Intent, part: Part) -> Receipt:
        if not 0 < len(keys.rows) <= ROWS:
            raise ValueError("a part of a replacement has between one row and as many as a request takes")
        with self._told_what_is_flagged(remote.remote_id):
            answer = meta_replace.send(self._wire, remote, keys.rows, part, before=intent.still_good)
        return _receipt(answer, part.replacement.token, keys.subject_ids, keys.rows, before=part.received)

    def conclude_replace(self, remote: RemoteAudience, replacement: Replacement, leaving: int) -> Receipt:
        """Its last part has concluded it: what remains is to see it settled."""
        del remote
        return meta_replace.conclusion(replacement, leaving)

    def settle(self, remote: RemoteAudience, receipt: Receipt) -> Receipt:
        """Ask how the upload session stands and, once it has ended, the audience.

        An audience that Meta is still populating is no reason to wait: that takes up to a day, and `state` says so.
        """
        if receipt.state == "settled":
            return receipt
        if meta_replace.REPLACES in receipt.request:
            return meta_replace.settle(self._wire, remote, receipt)
        session = str(receipt.request["session_id"])
        page = self._wire.get((remote.remote_id, "sessions"), session_id=session)
        held = next((one for one in page.get("data", []) if str(one.get("session_id")) == session), None)
        sent, rejected = int(receipt.request["sent"]), int(receipt.request["rejected"])
        if held is None or not session_ended(held):
            return Receipt("pending", 0, rejected, sent - rejected, receipt.request, _reasons(rejected))
        rejected = min(sent, max(rejected, int(held.get("num_invalid_entries") or 0)))
        audience = self._wire.get((remote.remote_id,), fields="id,operation_status")
        counts, reasons = (sent - rejected, rejected, 0), _reasons(rejected)
        return Receipt("settled", *counts, receipt.request, reasons, receipt.rejected, alarm=alarm(audience))

    def state(self, remote: RemoteAudience) -> AudienceState:
        """Size (rounded and late), status and what is wrong."""
        return read_state(self._wire.get((remote.remote_id,), fields=STATE_FIELDS))

    def check(self) -> list[Check]:
        """Version, token, terms and permission."""
        checks = account_checks(self._wire, self._settings.ad_account)
        return [version_check(self._settings.api_version, self._today()), *checks]


def _session_id(remote_id: str, intent: Intent, number: int) -> int:
    """A number from 1 to 2^63 - 1, its own for each try of each attempt of each batch."""
    digest = hashlib.sha256(f"{remote_id}:{intent.batch_id}:{intent.attempt}:{number}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 1) or 1


def _receipt(
    answer: Mapping[str, Any], made: Mapping[str, str | int], people: pa.Array, rows: Personal, *, before: int = 0
) -> Receipt:
    """A pending receipt out of Meta's answer: rows it did not count as received were not taken.

    `before`: how many its session had received before, since it counts over the session.
    """
    sent, received, invalid = len(rows), answer.get("num_received"), answer.get("num_invalid_entries")
    if not isinstance(received, int) or not isinstance(invalid, int):
        raise OutcomeUnknown("Meta did not say what it received.", advice="Run again; sending twice is harmless.")
    named = meta_rows.traced(answer.get("invalid_entry_samples"), rows)
    rejected = min(sent, max(invalid, len(named)) + max(0, before + sent - received))
    table = pa.table(
        {
            "subject_id": people.take(pa.array(named, pa.int64())),
            "reason": pa.array([INVALID] * len(named), pa.string()),
        }
    )
    request = {**made, "sent": sent, "received": received, "rejected": rejected}
    return Receipt("pending", 0, rejected, sent - rejected, request, _reasons(rejected), table)


def _missing(answer: Mapping[str, Any], sent: int) -> int:
    """How many rows of a farewell Meta did not take, as far as it says."""
    if answer.get("success") is False:
        raise OutcomeUnknown("Meta did not confirm the farewell.", advice="Run again; asking twice is harmless.")
    received, invalid = answer.get("num_received", sent), answer.get("num_invalid_entries", 0)
    counted = isinstance(received, int) and isinstance(invalid, int)
    return min(sent, max(0, sent - received) + invalid) if counted else sent


def _reasons(rejected: int) -> dict[str, int]:
    return {INVALID: rejected} if rejected else {}
