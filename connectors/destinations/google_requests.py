"""Requests to Data Manager, built on the SDK's raw messages: its wrappers take ten times as long."""

from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import RemoteAudience
from passerelle.connectors.destinations.google_rows import ADDRESS
from passerelle.connectors.destinations.google_types import Message
from passerelle.connectors.destinations.protobuf_columns import delimited, joined, repeated, tag, together, varint

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
        request.MergeFromString(_members(request, rows, self._consent))
        return dm.IngestAudienceMembersRequest.wrap(request)

    def remove(self, remote: RemoteAudience, rows: pa.Table) -> Message:
        """Take these people out."""
        request = dm.RemoveAudienceMembersRequest.pb()(encoding=dm.Encoding.HEX)
        self._to(request, remote)
        request.MergeFromString(_members(request, rows))
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


def _members(request: Message, rows: pa.Table, consent: Message | None = None) -> bytes:
    """A member per row, with an object for each identifier: two in one object would silently keep the last."""
    path = ("audience_members", "composite_data", "user_data", "user_identifiers")
    _, composite, user_data, identifiers = (tag(request, *path[:depth]) for depth in range(1, len(path) + 1))
    found = [
        repeated(identifiers, tag(request, *path, field), _lists(rows, name))
        for name, field in (("email", "email_address"), ("phone", "phone_number"))
    ]
    parts = [rows.column(name).combine_chunks() for name in ADDRESS]
    address = joined(
        *(delimited(tag(request, *path, "address", name), part) for name, part in zip(ADDRESS, parts, strict=True))
    )
    whole = reduce(pc.and_, [pc.greater(pc.fill_null(pc.binary_length(part), 0), 0) for part in parts])
    address = delimited(identifiers, delimited(tag(request, *path, "address"), address))
    user = joined(*found, pc.if_else(whole, address, b""))
    agreed = b"" if consent is None else consent.SerializeToString()
    said = b"" if consent is None else tag(request, path[0], "consent") + varint(len(agreed)) + agreed
    member = joined(delimited(composite, delimited(user_data, user)), said)
    return together(delimited(tag(request, path[0]), member))


def _lists(rows: pa.Table, name: str) -> pa.ListArray:
    column = rows.column(name).combine_chunks()
    if not pa.types.is_string(column.type):
        return column
    there = pc.fill_null(pc.greater(pc.binary_length(column), 0), fill_value=False)
    offsets = np.concatenate([[0], np.cumsum(np.asarray(there.to_numpy(zero_copy_only=False), np.int32))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), column.filter(there))
