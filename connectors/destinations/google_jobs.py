"""The way of before Data Manager, for projects that Google still lets go it: OfflineUserDataJobService of Google Ads.

    create a job -> add operations, some thousand at a time -> run it -> ask how it stands, for hours

One push is one job: of additions, or of removals, for one list, of people who all agreed. A job is known by a number
made of its intent, so that one whose creation was never answered is found instead of made again. A job that was filled
and never run changes nobody. It is left to lie: since then somebody in it may have withdrawn.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa
from google.ads.googleads.v26.services.types import offline_user_data_job_service as service
from google.ads.googleads.v26.services.types.user_list_service import MutateUserListsRequest

from passerelle.connectors.contract.destination import (
    AudienceSpec,
    AudienceState,
    Intent,
    NotNow,
    Receipt,
    RemoteAudience,
    Replacement,
)
from passerelle.connectors.destinations.google_ads_wire import AdsWire
from passerelle.connectors.destinations.google_api import ADS
from passerelle.connectors.destinations.google_errors import ListBusy, row_word
from passerelle.connectors.destinations.google_reasons import REASONS
from passerelle.connectors.destinations.google_receipts import begun, ended
from passerelle.connectors.destinations.google_rows import COLUMNS
from passerelle.connectors.destinations.google_types import Message
from passerelle.connectors.destinations.marker import described
from passerelle.connectors.errors import AlreadyThere, Forgotten, OutcomeUnknown, Refused, TryLater, Wait
from passerelle.privacy.vocabulary import Action

IDENTIFIERS = 10_000
"""Google recommends so many a call, and takes 100,000."""
JOB_SECONDS = 600.0
"""A job takes ten minutes at least."""
CUSTOMER_MATCH, CONTACT_INFO, FIRST_PARTY, GRANTED = 4, 2, 2, 2
PENDING, RUNNING, SUCCESS = 2, 3, 4
_LIST = "SELECT user_list.id, user_list.name, user_list.description, user_list.membership_life_span FROM user_list"
_JOB = "SELECT offline_user_data_job.resource_name, offline_user_data_job.status, offline_user_data_job.failure_reason"
_LISTED = f"{_JOB}, offline_user_data_job.customer_match_user_list_metadata.user_list FROM offline_user_data_job"


class Jobs:
    """Fills one account's lists by jobs."""

    def __init__(self, wire: AdsWire) -> None:
        self._wire = wire

    # --- lists

    def bring(self, remote: RemoteAudience, spec: AudienceSpec, days: int | None) -> None:
        """Bring a list to `spec`, with only what differs. Raises `Refused` where it is not there any more."""
        rows = self._wire.search(f"{_LIST} WHERE user_list.id = {int(remote.remote_id)}")
        if not rows:
            message, advice = REASONS["INVALID_USER_LIST_ID"]
            raise Refused(message, advice=advice)
        if spec.changes_nothing:
            return
        held, wanted = rows[0].user_list, {**_told(spec), **({"membership_life_span": days} if days else {})}
        changed = {name: value for name, value in wanted.items() if getattr(held, name) != value}
        if not changed:
            return
        request = MutateUserListsRequest.pb()(customer_id=self._wire.account)
        operation = request.operations.add()
        operation.update.resource_name = self._list(remote)
        for name, value in changed.items():
            setattr(operation.update, name, value)
        operation.update_mask.paths.extend(changed)
        self._wire.mutate_lists(MutateUserListsRequest.wrap(request))

    def lists(self) -> list[tuple[str, str, str]]:
        """Id, name and description of every list of the account."""
        rows = self._wire.search("SELECT user_list.id, user_list.name, user_list.description FROM user_list")
        return [(str(row.user_list.id), str(row.user_list.name), str(row.user_list.description)) for row in rows]

    def create_list(self, spec: AudienceSpec, days: int, *, validate_only: bool = False) -> str:
        """Make a list; its id."""
        request = MutateUserListsRequest.pb()(customer_id=self._wire.account, validate_only=validate_only)
        wanted = request.operations.add().create
        for name, value in _told(spec).items():
            setattr(wanted, name, value)
        wanted.membership_life_span = days
        wanted.crm_based_user_list.upload_key_type = CONTACT_INFO
        wanted.crm_based_user_list.data_source_type = FIRST_PARTY
        results = self._wire.mutate_lists(MutateUserListsRequest.wrap(request)).results
        return str(results[0].resource_name).rpartition("/")[2] if results else ""

    def rehearse(self, remote: RemoteAudience) -> None:
        """Make a job that Google only validates: whether this project may still do so."""
        self._wire.create_job(self._request(remote, Action.ADD, 0, validate_only=True))

    # --- members

    def push(self, remote: RemoteAudience, action: Action, people: pa.Array, rows: pa.Table, intent: Intent) -> Receipt:
        """Send rows in one job. Raises `TryLater` while another job for this list is running."""
        name, started = self._job(remote, action, intent)
        if started:  # by a try whose answer was lost, all of it
            return begun({"job": name, "api_version": ADS.name}, len(rows), {}, people)
        bad: dict[int, str] = {}
        for start, operations in _calls(rows, action):
            request = service.AddOfflineUserDataJobOperationsRequest.pb()(resource_name=name, operations=operations)
            request.enable_partial_failure = True
            intent.still_good()
            wrapped = service.AddOfflineUserDataJobOperationsRequest.wrap(request)
            bad |= {start + place: reason for place, reason in self._wire.add_operations(wrapped).items()}
        _check(bad, len(rows))
        aside = {place: row_word(reason) for place, reason in bad.items()}
        if len(bad) < len(rows):
            intent.still_good()
            self._run(name)
        return begun({"job": name, "api_version": ADS.name}, len(rows) - len(bad), aside, people)

    def settle(self, pending: Receipt) -> Receipt:
        """Ask how a job stands. Google says of a job that it failed or not, and nothing of its rows."""
        held = self._held("resource_name", f"'{pending.request['job']}'")
        if held is None:
            raise Forgotten("Google Ads does not know a job any more.", advice="Its people are sent again.")
        if held.status in {PENDING, RUNNING}:
            return ended(pending, None, {})
        if held.status == SUCCESS:
            return ended(pending, Counter(), {})
        reason = f"JOB_FAILED_{int(held.failure_reason)}" if held.failure_reason else "JOB_FAILED"
        return ended(pending, Counter({reason: int(pending.request["sent"])}), {})

    def told(self, remote: RemoteAudience, state: AudienceState) -> AudienceState:
        """The state of a list, with what is to be said of its jobs."""
        mine = self._list(remote)
        jobs = [row.offline_user_data_job for row in self._wire.search(_LISTED)]
        left = sum(job.status == PENDING and job.customer_match_user_list_metadata.user_list == mine for job in jobs)
        said = f"{left} jobs were made and never run, by runs that were cut off: they change nobody."
        return replace(state, problems=(*state.problems, said)) if left else state

    def begin_replace(self, remote: RemoteAudience, total: int, now: int) -> Replacement | NotNow:
        """A job that removes everybody cannot spare those who stay."""
        del remote, total, now
        return NotNow("Lists are filled by jobs, which cannot spare those who stay.")

    def _list(self, remote: RemoteAudience) -> str:
        """Its name among Google's resources."""
        return f"customers/{self._wire.account}/userLists/{remote.remote_id}"

    def _job(self, remote: RemoteAudience, action: Action, intent: Intent) -> tuple[str, bool]:
        """A job for this intent, and whether it runs: a new one, or one of a try that was never answered."""
        number = external_id(remote, action, intent)
        request = self._request(remote, action, number)
        intent.still_good()
        try:
            return self._wire.create_job(request), False
        except (AlreadyThere, OutcomeUnknown):
            held = self._held("external_id", str(number))
        if held is None:
            return self._wire.create_job(request), False
        return str(held.resource_name), held.status != PENDING

    def _request(self, remote: RemoteAudience, action: Action, number: int, *, validate_only: bool = False) -> Message:
        kind = service.CreateOfflineUserDataJobRequest
        request = kind.pb()(customer_id=self._wire.account, validate_only=validate_only)
        request.job.type_ = CUSTOMER_MATCH
        if number:
            request.job.external_id = number
        metadata = request.job.customer_match_user_list_metadata
        metadata.user_list = self._list(remote)
        if action is Action.ADD:  # of the whole job: one that mixes people with and without it is not made
            metadata.consent.ad_user_data = metadata.consent.ad_personalization = GRANTED
        return kind.wrap(request)

    def _run(self, name: str) -> None:
        busy = False
        try:
            self._wire.run_job(service.RunOfflineUserDataJobRequest(resource_name=name))
        except AlreadyThere:
            return  # by a try that was never answered
        except ListBusy:
            busy = True
        if busy:
            message = "Google Ads is at work on another job for this list."
            raise TryLater(message, advice="Jobs take hours. The next run sends these people.", wait=Wait(JOB_SECONDS))

    def _held(self, field: str, value: str) -> Message | None:
        query = f"{_JOB} FROM offline_user_data_job WHERE offline_user_data_job.{field} = {value}"
        rows = self._wire.search(query)
        return rows[0].offline_user_data_job if rows else None


def _told(spec: AudienceSpec) -> dict[str, str]:
    """What Google Ads is told of a list, by its names of fields."""
    return {"name": spec.display_name or spec.audience, "description": described(spec)}


def external_id(remote: RemoteAudience, action: Action, intent: Intent) -> int:
    """A number (positive, 63 bits) that only this try of this batch for this list has."""
    name = f"{remote.remote_id}:{intent.batch_id}:{intent.attempt}:{action.value}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1 or 1


def _calls(rows: pa.Table, action: Action) -> Iterator[tuple[int, list[Message]]]:
    """The place of the first row, and operations of so many rows as hold no more identifiers than a call should."""
    operations: list[Message] = []
    start = held = 0
    kind = service.OfflineUserDataJobOperation.pb()
    for place, identifiers in enumerate(_identifiers(rows)):
        if operations and held + len(identifiers) > IDENTIFIERS:
            yield start, operations
            operations, start, held = [], place, 0
        operation = kind()
        data = operation.create if action is Action.ADD else operation.remove
        for which, value in identifiers:
            _write(data.user_identifiers.add(), which, value)
        operations.append(operation)
        held += len(identifiers)
    if operations:
        yield start, operations


def _identifiers(rows: pa.Table) -> Iterator[list[tuple[str, str | tuple[str, ...]]]]:
    """Of each person: e-mails, phones, and the address where it is whole."""
    columns = [rows.column(name).to_pylist() for name in COLUMNS]
    for emails, phones, *parts in zip(*columns, strict=True):
        found: list[tuple[str, str | tuple[str, ...]]] = [("email", value) for value in _each(emails)]
        found += [("phone", value) for value in _each(phones)]
        if all(parts):
            found.append(("address", tuple(parts)))
        yield found


def _each(held: str | list[str] | None) -> list[str]:
    if not held:
        return []
    return [held] if isinstance(held, str) else held


def _write(identifier: Message, which: str, value: str | tuple[str, ...]) -> None:
    if isinstance(value, tuple):
        address = identifier.address_info
        address.hashed_first_name, address.hashed_last_name, address.country_code, address.postal_code = value
    elif which == "email":
        identifier.hashed_email = value
    else:
        identifier.hashed_phone_number = value


def _check(bad: Mapping[int, str], count: int) -> None:
    """Where Google blames most rows, or each for something that is no row's fault, nobody is set aside for it."""
    general = next((reason for reason in bad.values() if reason in REASONS), "")
    if general:
        message, advice = REASONS[general]
        raise Refused(f"{message.removesuffix('.')} ({general}).", advice=advice)
    if len(bad) > max(100, count // 2):
        reason = next(iter(bad.values()))
        raise Refused(f"Google refuses most of the rows ({reason}).", advice="Report this as a defect of Passerelle.")
