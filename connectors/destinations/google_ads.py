"""Google Ads Customer Match, as a destination: Data Manager to send, Google Ads to read sizes and match rates.

A push is taken (with ids of requests), processed for minutes or hours, and only then known to have worked.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

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
from passerelle.connectors.destinations import google_rows
from passerelle.connectors.destinations.api_version import check_sunset, failed
from passerelle.connectors.destinations.google_api import ADS
from passerelle.connectors.destinations.google_settings import GoogleAdsSettings
from passerelle.connectors.destinations.google_types import Credentials
from passerelle.connectors.destinations.marker import MARK, mark
from passerelle.connectors.errors import Refused
from passerelle.privacy.consent.cleared import ClearedBatch, RemovalBatch
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Action
from passerelle.privacy.vocabulary import Destination as Platform

if TYPE_CHECKING:
    from passerelle.connectors.destinations.google_ads_wire import AdsWire
    from passerelle.connectors.destinations.google_jobs import Jobs
    from passerelle.connectors.destinations.google_members import Members
    from passerelle.connectors.destinations.google_route import Route

ROWS = 10_000
LONGEST_MEMBERSHIP = 540


def _today() -> date:
    return datetime.now(UTC).date()


class GoogleAds:
    """The Customer Match lists of one account."""

    Settings: ClassVar[type[GoogleAdsSettings]] = GoogleAdsSettings

    def __init__(
        self,
        name: str,
        settings: GoogleAdsSettings,
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
        """Google's rules apply."""
        return Platform.GOOGLE_ADS

    @property
    def capabilities(self) -> Capabilities:
        """At most 10,000 members a request; receipts are settled later."""
        return Capabilities(
            rows_per_request=self._settings.rows_per_request, asynchronous_receipts=True, replaces=self._replaces
        )

    @property
    def _replaces(self) -> Replaces:
        """A job that removes everybody cannot spare those who stay."""
        return Replaces.SWEEP if self._settings.route == "data_manager" else Replaces.NEVER

    @cached_property
    def _credentials(self) -> Credentials:
        from passerelle.connectors.destinations import google_credentials

        wanted = self._settings
        if wanted.endpoints.local or wanted.credentials_file is None:
            return None
        return google_credentials.load(self._folder / wanted.credentials_file)

    @cached_property
    def _members(self) -> "Members":
        from passerelle.connectors.destinations.google_members import Members
        from passerelle.connectors.destinations.google_requests import Requests
        from passerelle.connectors.destinations.google_wire import GoogleWire

        wanted = self._settings
        wire = GoogleWire(
            credentials=self._credentials,
            endpoint=wanted.endpoints.data_manager,
            rest=wanted.transport == "rest",
            timeout=wanted.timeout_seconds,
            sleep=self._sleep,
        )
        return Members(wire, Requests(wanted.account, wanted.login_account))

    @cached_property
    def _ads(self) -> "AdsWire":
        from passerelle.connectors.destinations.google_ads_wire import AdsWire

        wanted = self._settings
        return AdsWire(
            wanted.account,
            wanted.login_account,
            credentials=self._credentials,
            endpoint=wanted.endpoints.google_ads,
            timeout=wanted.timeout_seconds,
            sleep=self._sleep,
        )

    @cached_property
    def _jobs(self) -> "Jobs":
        from passerelle.connectors.destinations.google_jobs import Jobs

        return Jobs(self._ads)

    @property
    def _route(self) -> "Route":
        """The way that the settings take."""
        return self._members if self._settings.route == "data_manager" else self._jobs

    def find(self, spec: AudienceSpec) -> RemoteAudience | None:
        """The list that carries our mark. Google does not say whether anybody was ever in it."""
        found = self._marked(spec)
        return None if found is None else RemoteAudience(found, google_rows.COLUMNS, adopted=True)

    def ensure(self, spec: AudienceSpec, known: RemoteAudience | None) -> RemoteAudience:
        """The known list if it is still there, else the one that carries our mark, else a new one.

        One that is there gets the name, the description and, where it is set, the retention of `spec`.
        """
        held = known or self.find(spec)
        if held is None:
            return RemoteAudience(self._create(spec), google_rows.COLUMNS)
        self._route.bring(held, spec, _days(spec.retention_days))
        return held

    def _marked(self, spec: AudienceSpec) -> str | None:
        name = spec.display_name or spec.audience
        for identity, held_name, description in self._route.lists():
            if mark(spec) in description:
                return identity
            if held_name == name:
                raise Refused(
                    "Another list of this account has the audience's name, and was not made by Passerelle.",
                    advice="Give the audience another display_name, or rename the other list in Google Ads.",
                )
        return None

    def _create(self, spec: AudienceSpec, *, validate_only: bool = False) -> str:
        days = _days(spec.retention_days) or LONGEST_MEMBERSHIP
        return self._route.create_list(spec, days, validate_only=validate_only)

    def match_keys(self, batch: ClearedBatch, remote: RemoteAudience) -> MatchKeys:
        """Normalise and hash for Google. Its columns are the same for every list, so `remote` changes nothing."""
        del remote
        return google_rows.match_keys(batch)

    def reach(self, identifiers: Personal) -> Reach:
        """Who of these people Google could find."""
        return google_rows.reach(identifiers)

    def add(
        self, remote: RemoteAudience, batch: ClearedBatch, keys: MatchKeys, intent: Intent, part: Part | None = None
    ) -> Receipt:
        """Send people. What they agreed to was decided by the gate, which made `batch`: each member says so.

        A part of a replacement is an addition as any other: who is added again is not swept out at its end.
        """
        del part
        if batch.destination is not Platform.GOOGLE_ADS:
            raise ValueError("cleared for another platform")
        return self._push(remote, Action.ADD, keys.subject_ids, keys.rows, intent)

    def remove(self, remote: RemoteAudience, batch: RemovalBatch, intent: Intent) -> Receipt:
        """Take people out, by the keys that were sent."""
        return self._push(remote, Action.REMOVE, batch.subject_ids, batch.rows, intent)

    def _push(
        self, remote: RemoteAudience, action: Action, people: pa.Array, rows: Personal, intent: Intent
    ) -> Receipt:
        if len(rows) > ROWS:
            raise ValueError("more rows than one request takes")
        if not len(rows):
            return Receipt("settled", 0, 0, 0, {})
        return self._route.push(remote, action, people, rows.reveal(), intent)

    def begin_replace(self, remote: RemoteAudience, total: int, intent: Intent, now: int) -> Replacement | NotNow:
        """Whether a replacement may begin: only while this machine's clock and Google's agree."""
        del intent
        return self._route.begin_replace(remote, total, now)

    def conclude_replace(self, remote: RemoteAudience, replacement: Replacement, leaving: int) -> Receipt:
        """Take out everybody who was last added before the replacement began, whatever route is taken now."""
        return self._members.conclude_replace(remote, replacement, leaving)

    def settle(self, remote: RemoteAudience, receipt: Receipt) -> Receipt:
        """Ask how a push stands, by the route that it took."""
        del remote
        if receipt.state == "settled":
            return receipt
        return self._jobs.settle(receipt) if "job" in receipt.request else self._members.settle(receipt)

    def state(self, remote: RemoteAudience) -> AudienceState:
        """Size, match rate and eligibility, as Google Ads reports them; as Data Manager does where that is refused."""
        problems: tuple[str, ...] = ()
        try:
            found = self._reported(remote) if self._settings.transport == "grpc" else None
            if found is not None:
                return found
        except Refused as refusal:
            problems = (refusal.message,)
        return replace(self._members.size(remote), problems=problems)

    def _reported(self, remote: RemoteAudience) -> AudienceState | None:
        from passerelle.connectors.destinations.google_reports import state_of

        found = state_of(self._ads, remote.remote_id)
        return found if found is None else self._route.told(remote, found)

    def check(self) -> list[Check]:
        """Version, terms, credentials and permission: a list is created on approval only (`validate_only`)."""
        terms = self._settings.terms_accepted
        checks = [
            check_sunset("Google Ads API", ADS, self._today()),
            Check("Google terms", "ok", f"Accepted by {terms.by} on {terms.on}." if terms else "Not needed by a twin."),
        ]
        try:
            self._rehearse()
        except PasserelleError as problem:
            return [*checks, failed("Google access", problem)]
        return [*checks, Check("Google access", "ok", "Google accepts the credentials, and this account takes lists.")]

    def _rehearse(self) -> None:
        """Create a list and, where one of ours is there, add nobody to it: both checked by Google, not carried out."""
        self._create(AudienceSpec("check", f"Passerelle check {self._today()}"), validate_only=True)
        ours = next((identity for identity, _, description in self._route.lists() if MARK in description), None)
        if ours is not None:
            self._route.rehearse(RemoteAudience(ours, google_rows.COLUMNS))


def _days(wanted: int | None) -> int | None:
    return None if wanted is None else min(wanted, LONGEST_MEMBERSHIP)
