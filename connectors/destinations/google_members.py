"""The way that Google wants taken: Data Manager. People are ingested into a list, or removed from it, by requests."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pyarrow as pa
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import (
    AudienceSpec,
    AudienceState,
    Intent,
    NotNow,
    Receipt,
    RemoteAudience,
    Replacement,
)
from passerelle.connectors.destinations import google_replace, google_rows
from passerelle.connectors.destinations.google_pushing import push
from passerelle.connectors.destinations.google_receipts import receipt, settled
from passerelle.connectors.destinations.google_requests import Requests
from passerelle.connectors.destinations.google_types import Message
from passerelle.connectors.destinations.google_wire import GoogleWire
from passerelle.connectors.destinations.marker import described
from passerelle.privacy.vocabulary import Action

_CHANGEABLE = ("display_name", "description", "membership_duration")


class Members:
    """Fills one account's lists by requests."""

    def __init__(self, wire: GoogleWire, requests: Requests) -> None:
        self._wire = wire
        self._requests = requests

    # --- lists

    def bring(self, remote: RemoteAudience, spec: AudienceSpec, days: int | None) -> None:
        """Bring a list to `spec`, with only what differs. Raises `Refused` where it is not there any more."""
        held = self._wire.user_list(self._requests.list_name(remote), self._requests.headers)
        if spec.changes_nothing:
            return
        wanted = _told(spec, days)
        paths = [name for name in _CHANGEABLE if name in wanted and getattr(held, name) != getattr(wanted, name)]
        if paths:
            wanted.name = self._requests.list_name(remote)
            self._wire.update_list(wanted, paths, self._requests.headers)

    def lists(self) -> Iterator[tuple[str, str, str]]:
        """Id, name and description of every list of the account."""
        token = ""
        while True:
            page, token = self._wire.user_lists(self._requests.parent, self._requests.headers, token)
            yield from ((str(held.id), str(held.display_name), str(held.description)) for held in page)
            if not token:
                return

    def create_list(self, spec: AudienceSpec, days: int, *, validate_only: bool = False) -> str:
        """Make a list; its id."""
        wanted = _told(spec, days)
        wanted.ingested_user_list_info = dm.IngestedUserListInfo(
            upload_key_types=[dm.IngestedUserListInfo.UploadKeyType.CONTACT_ID],
            contact_id_info=dm.ContactIdInfo(data_source_type=dm.DataSourceType.DATA_SOURCE_TYPE_FIRST_PARTY),
        )
        parent, headers = self._requests.parent, self._requests.headers
        return str(self._wire.create_list(parent, wanted, headers, validate_only=validate_only).id)

    def rehearse(self, remote: RemoteAudience) -> None:
        """Add nobody to a list, which Google only validates."""
        self._wire.ingest(self._requests.ingest(remote, google_rows.nobody(), validate_only=True))

    def size(self, remote: RemoteAudience) -> AudienceState:
        """Size and match rate as Data Manager tells them; it does not tell eligibility."""
        held = self._wire.user_list(self._requests.list_name(remote), self._requests.headers)
        sizes = [int(held.size_info.search_network_members_count), int(held.size_info.display_network_members_count)]
        rate = int(held.ingested_user_list_info.contact_id_info.match_rate_percentage)
        status = held.membership_status.name.lower()
        return AudienceState(status, min(sizes), max(sizes), rate / 100 if rate else None, ())

    def told(self, remote: RemoteAudience, state: AudienceState) -> AudienceState:
        """Nothing is to be said besides."""
        del remote
        return state

    # --- members

    def push(self, remote: RemoteAudience, action: Action, people: pa.Array, rows: pa.Table, intent: Intent) -> Receipt:
        """Send rows, those that Google refuses set aside."""
        send = self._adding(remote, intent) if action is Action.ADD else self._removing(remote)
        every = len(rows)
        pushed = push(every, lambda places: send(rows if len(places) == every else rows.take(pa.array(places))))
        return receipt(pushed, people)

    def _adding(self, remote: RemoteAudience, intent: Intent) -> Callable[[pa.Table], str]:
        return lambda rows: self._wire.ingest(self._requests.ingest(remote, rows), before=intent.still_good)

    def _removing(self, remote: RemoteAudience) -> Callable[[pa.Table], str]:
        return lambda rows: self._wire.remove(self._requests.remove(remote, rows))

    def settle(self, pending: Receipt) -> Receipt:
        """Ask how each request of a push stands."""
        return settled(pending, [self._wire.status(one) for one in str(pending.request["request_ids"]).split()])

    def begin_replace(self, remote: RemoteAudience, total: int, now: int) -> Replacement | NotNow:
        """Compare the clocks. Nothing is changed."""
        return google_replace.begin(self._wire, self._requests, remote, total, now)

    def conclude_replace(self, remote: RemoteAudience, replacement: Replacement, leaving: int) -> Receipt:
        """Take out everybody who was last added before the replacement began."""
        return google_replace.conclude(self._wire, self._requests, remote, replacement, leaving)


def _told(spec: AudienceSpec, days: int | None) -> Message:
    """What Google is told of a list; of how long members stay, nothing where `days` is None."""
    stay = {} if days is None else {"membership_duration": timedelta(days=days)}
    return dm.UserList(display_name=spec.display_name or spec.audience, description=described(spec), **stay)
