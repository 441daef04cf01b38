"""Requests to Data Manager, built on the SDK's raw messages: its wrappers take ten times as long."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import RemoteAudience
from passerelle.connectors.destinations.google_types import Message

GRANTED = dm.ConsentStatus.CONSENT_GRANTED
ACCEPTED = dm.TermsOfServiceStatus.ACCEPTED
GOOGLE_ADS = dm.ProductAccount.AccountType.GOOGLE_ADS


class Requests:
    """Builds what is sent for one account."""

    def __init__(self, account: str, login_account: str | None) -> None:
        self._account = account
        self._login = login_account
        self._consent = dm.Consent.pb()(ad_user_data=GRANTED, ad_personalization=GRANTED)

    @property
    def parent(self) -> str:
        """The account's resource name."""
        return f"accountTypes/GOOGLE_ADS/accounts/{self._account}"

    def list_name(self, remote: RemoteAudience) -> str:
        """A list's resource name."""
        return f"{self.parent}/userLists/{remote.remote_id}"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Who is signed in, for calls about lists; uploads say it in their body."""
        return [("login-account", f"accountTypes/GOOGLE_ADS/accounts/{self._login}")] if self._login else []

    def ingest(self, remote: RemoteAudience, rows: pa.Table, *, validate_only: bool = False) -> Message:
        """Add these people. Each member carries both consents, and the request the terms."""
        request = dm.IngestAudienceMembersRequest.pb()(validate_only=validate_only, encoding=dm.Encoding.HEX)
        request.terms_of_service.customer_match_terms_of_service_status = ACCEPTED
        self._to(request, remote)
        for member in _members(request, rows):
            member.consent.CopyFrom(self._consent)
        return dm.IngestAudienceMembersRequest.wrap(request)

    def remove(self, remote: RemoteAudience, rows: pa.Table) -> Message:
        """Take these people out."""
        request = dm.RemoveAudienceMembersRequest.pb()(encoding=dm.Encoding.HEX)
        self._to(request, remote)
        _members(request, rows)
        return dm.RemoveAudienceMembersRequest.wrap(request)

    def remove_all(self, remote: RemoteAudience, as_of: int, *, validate_only: bool = False) -> Message:
        """Take out everybody who was last added before an instant (µs since 1970 UTC)."""
        request = dm.RemoveAllAudienceMembersRequest.pb()(validate_only=validate_only)
        request.remove_as_of_time.FromMicroseconds(as_of)
        self._to(request, remote)
        return dm.RemoveAllAudienceMembersRequest.wrap(request)

    def _to(self, request: Message, remote: RemoteAudience) -> None:
        destination = request.destinations.add(product_destination_id=remote.remote_id)
        destination.operating_account.account_type = GOOGLE_ADS
        destination.operating_account.account_id = self._account
        if self._login is not None:
            destination.login_account.account_type = GOOGLE_ADS
            destination.login_account.account_id = self._login


def _members(request: Message, rows: pa.Table) -> Message:
    """One member per row, with an object for each identifier: two in one object would silently keep the last."""
    add = request.audience_members.add
    columns = [_lists(rows, "email"), _lists(rows, "phone")]
    columns += [rows.column(name).to_pylist() for name in ("given_name", "family_name", "region_code", "postal_code")]
    for emails, phones, given, family, region, postal in zip(*columns, strict=True):
        identifiers = add().composite_data.user_data.user_identifiers
        for email in emails or ():
            identifiers.add(email_address=email)
        for phone in phones or ():
            identifiers.add(phone_number=phone)
        if given and family and region and postal:
            address = identifiers.add().address
            address.given_name, address.family_name = given, family
            address.region_code, address.postal_code = region, postal
    return request.audience_members


def _lists(rows: pa.Table, name: str) -> Sequence[list[str] | None]:
    column = rows.column(name)
    if pa.types.is_string(column.type):
        column = pc.cast(column, pa.string())
        return [[value] if value else None for value in column.to_pylist()]
    found: list[list[str] | None] = column.to_pylist()
    return found
