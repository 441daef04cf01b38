"""The Data Manager twin: audience members, request status and user lists, on the SDK's own messages."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from google.ads import datamanager_v1 as dm
from google.protobuf.empty_pb2 import Empty

from passerelle.connectors.twins.data_manager_errors import Violation
from passerelle.connectors.twins.data_manager_rows import Members, read
from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import DAY, Audience, Change, World

ACCEPTED = 1
CONTACT_ID = 1
DESTINATION_LIMIT = 10
LONGEST = timedelta(days=540)
REQUEST_DAYS = 50
ACCOUNT_DIGITS = 10
STATUS = dm.RequestStatusPerDestination.RequestStatus
CHANGEABLE = {"display_name", "description", "membership_duration"}
MATCH_RATE = 60
"""Of every list, in percent."""
Act = Callable[[Message, Fault | None], Message]


def rounded(count: int) -> int:
    """A list's size as Google shows it: nothing below 100, then two figures."""
    if count < 100:  # noqa: PLR2004 - the platform's own floor
        return 0
    unit = int(10 ** (len(str(count)) - 2))
    return count - count % unit


class DataManager:
    """Answers calls of both services out of a `World`. Raises `Violation`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ingestion(self) -> Mapping[str, tuple[str, Act, Message, Message]]:
        """Method name -> its name in a fault script, what it does, request and response type."""
        return {
            "IngestAudienceMembers": (
                "data_manager.ingest", self._ingest, dm.IngestAudienceMembersRequest, dm.IngestAudienceMembersResponse,
            ),
            "RemoveAudienceMembers": (
                "data_manager.remove", self._remove, dm.RemoveAudienceMembersRequest, dm.RemoveAudienceMembersResponse,
            ),
            "RemoveAllAudienceMembers": (
                "data_manager.remove_all", self._remove_all,
                dm.RemoveAllAudienceMembersRequest, dm.RemoveAllAudienceMembersResponse,
            ),
            "RetrieveRequestStatus": (
                "data_manager.status", self._status, dm.RetrieveRequestStatusRequest, dm.RetrieveRequestStatusResponse,
            ),
        }  # fmt: skip

    def user_lists(self) -> Mapping[str, tuple[str, Act, Message, Message]]:
        """The same for user lists."""
        return {
            "CreateUserList": ("data_manager.lists.create", self._create, dm.CreateUserListRequest, dm.UserList),
            "GetUserList": ("data_manager.lists.get", self._get, dm.GetUserListRequest, dm.UserList),
            "UpdateUserList": ("data_manager.lists.update", self._update, dm.UpdateUserListRequest, dm.UserList),
            "DeleteUserList": ("data_manager.lists.delete", self._delete, dm.DeleteUserListRequest, Empty),
            "ListUserLists": (
                "data_manager.lists.list", self._list, dm.ListUserListsRequest, dm.ListUserListsResponse,
            ),
        }  # fmt: skip

    def _ingest(self, request: Message, fault: Fault | None) -> Message:
        audiences = self._destinations(request)
        if request.terms_of_service.customer_match_terms_of_service_status != ACCEPTED:
            field = ("terms_of_service.customer_match_terms_of_service_status", "Not accepted.")
            raise Violation("TERMS_AND_CONDITIONS_NOT_SIGNED", [(*field, "TERMS_AND_CONDITIONS_NOT_SIGNED")])
        partial = fault.partial if fault is not None else None
        rows, reason = (partial.rows, partial.reason) if partial else ((), "")
        members = read(request, ingests=True, keep=self._world.keeps, invalid=rows, reason=reason)
        response = dm.IngestAudienceMembersResponse.pb()()
        if not request.validate_only:
            response.request_id = self._submit("add", audiences, members)
        return response

    def _remove(self, request: Message, fault: Fault | None) -> Message:
        audiences = self._destinations(request)
        partial = fault.partial if fault is not None else None
        rows, reason = (partial.rows, partial.reason) if partial else ((), "")
        members = read(request, ingests=False, keep=self._world.keeps, invalid=rows, reason=reason)
        response = dm.RemoveAudienceMembersResponse.pb()()
        if not request.validate_only:
            response.request_id = self._submit("remove", audiences, members)
        return response

    def _remove_all(self, request: Message, fault: Fault | None) -> Message:
        audiences = self._destinations(request)
        before = self._world.now()
        if request.HasField("remove_as_of_time"):
            before = request.remove_as_of_time.ToMicroseconds()
            if before > self._world.now():
                field = ("remove_as_of_time", "In the future.", "INVALID_REMOVE_AS_OF_TIME")
                raise Violation("INVALID_REMOVE_AS_OF_TIME", [field])
        members = Members([], 0, 0)
        if fault is not None and fault.partial is not None:  # it is taken, and processing fails: nobody goes
            members, before = Members([], 1, 0, {fault.partial.reason: 1}), 0
        response = dm.RemoveAllAudienceMembersResponse.pb()()
        if not request.validate_only:
            response.request_id = self._submit("remove_all", audiences, members, before)
        return response

    def _submit(self, action: Message, audiences: list[Audience], members: Members, before: int = 0) -> str:
        identity = f"dm{self._world.serial():016d}"
        for number, audience in enumerate(audiences):
            self._world.submit(
                Change(
                    id=f"request:{identity}:{number}",
                    audience=audience.id,
                    action=action,
                    rows=members.keys,
                    received=members.received,
                    identifiers=members.identifiers,
                    at=self._world.now(),
                    outcome=dict(members.dropped),
                    before=before,
                )
            )
        return identity

    def _status(self, request: Message, fault: Fault | None) -> Message:
        response = dm.RetrieveRequestStatusResponse.pb()()
        number = 0
        while change := self._world.changes.get(f"request:{request.request_id}:{number}"):
            if change.at < self._world.now() - REQUEST_DAYS * DAY:
                raise Violation("REQUEST_TOO_OLD", [("request_id", "No longer kept.", "REQUEST_TOO_OLD")])
            self._world.poll(change)
            status = response.request_status_per_destination.add()
            self._report(status, change)
            if change.done and fault is not None and fault.partial is not None:
                name = f"PROCESSING_WARNING_REASON_{fault.partial.reason}"
                status.warning_info.warning_counts.add(record_count=len(fault.partial.rows), reason=name)
            number += 1
        if not number:
            raise Violation("INVALID_REQUEST_ID", [("request_id", "Not a request.", "INVALID_REQUEST_ID")])
        return response

    def _report(self, status: Message, change: Change) -> None:
        audience = self._world.audiences.get(change.audience)
        status.destination.product_destination_id = change.audience
        status.destination.operating_account.account_id = audience.account if audience else ""
        if change.action == "add":
            done = status.audience_members_ingestion_status.composite_data_ingestion_status
        else:
            done = status.audience_members_removal_status.composite_data_removal_status
        done.record_count = change.received
        if not change.done:
            status.request_status = STATUS.PROCESSING
            return
        dropped = sum(change.outcome.values())
        if not dropped:
            status.request_status = STATUS.SUCCESS
        else:
            status.request_status = STATUS.FAILED if dropped == change.received else STATUS.PARTIAL_SUCCESS
        for reason, count in change.outcome.items():
            name = f"PROCESSING_ERROR_REASON_{reason}"
            status.error_info.error_counts.add(record_count=count, reason=name)

    def _destinations(self, request: Message) -> list[Audience]:
        destinations = request.destinations
        if not destinations:
            raise Violation("REQUIRED_FIELD_MISSING", [("destinations", "Required.", "REQUIRED_FIELD_MISSING")])
        if len(destinations) > DESTINATION_LIMIT:
            raise Violation("TOO_MANY_DESTINATIONS", [("destinations", "At most 10.", "TOO_MANY_DESTINATIONS")])
        found = []
        for number, destination in enumerate(destinations):
            path = f"destinations[{number}]"
            operating = destination.operating_account
            if operating.account_type != dm.ProductAccount.AccountType.GOOGLE_ADS or not _is_account(
                operating.account_id
            ):
                raise Violation(
                    "INVALID_DESTINATION", [(f"{path}.operating_account", "Invalid.", "INVALID_DESTINATION")]
                )
            audience = self._world.audiences.get(destination.product_destination_id)
            if audience is None or audience.platform != "google_ads" or audience.account != operating.account_id:
                field = (f"{path}.product_destination_id", "User list is not valid.", "INVALID_USER_LIST_ID")
                raise Violation("INVALID_USER_LIST_ID", [field])
            found.append(audience)
        return found

    def _create(self, request: Message, _fault: Fault | None) -> Message:
        account = _account(request.parent)
        wanted = request.user_list
        self._check_name(account, wanted.display_name)
        if list(wanted.ingested_user_list_info.upload_key_types) != [CONTACT_ID]:
            reason = "UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES"
            path = "user_list.ingested_user_list_info.upload_key_types"
            raise Violation(reason, [(path, "The twin keeps contact lists.", reason)])
        days = _days(wanted)
        if request.validate_only:
            return dm.UserList.pb()()
        identity = f"{8_000_000_000 + self._world.serial()}"
        audience = self._world.create("google_ads", identity, account, wanted.display_name, wanted.description)
        audience.settings = {"membership_days": days}
        return self._shown(audience)

    def _get(self, request: Message, _fault: Fault | None) -> Message:
        return self._shown(self._named(request.name))

    def _update(self, request: Message, _fault: Fault | None) -> Message:
        wanted = request.user_list
        audience = self._named(wanted.name)
        paths = set(request.update_mask.paths)
        if not paths or paths - CHANGEABLE:
            raise Violation("INVALID_UPDATE_MASK", [("update_mask", "Not to be changed.", "INVALID_UPDATE_MASK")])
        if "display_name" in paths and wanted.display_name != audience.name:
            self._check_name(audience.account, wanted.display_name)
        days = _days(wanted) if "membership_duration" in paths else audience.settings["membership_days"]
        if request.validate_only:
            return dm.UserList.pb()()
        audience.name = wanted.display_name if "display_name" in paths else audience.name
        audience.description = wanted.description if "description" in paths else audience.description
        audience.settings["membership_days"] = days
        audience.updated_at = self._world.now()
        return self._shown(audience)

    def _delete(self, request: Message, _fault: Fault | None) -> Message:
        audience = self._named(request.name)
        if not request.validate_only:
            del self._world.audiences[audience.id]
        return Empty()

    def _named(self, name: str) -> Audience:
        parent, _, identity = name.rpartition("/userLists/")
        audience = self._world.audiences.get(identity)
        if audience is None or audience.platform != "google_ads" or audience.account != _account(parent):
            raise Violation("NOT_FOUND", [], "NOT_FOUND")
        return audience

    def _check_name(self, account: str, name: str) -> None:
        path = "user_list.display_name"
        if not name:
            raise Violation("REQUIRED_FIELD_MISSING", [(path, "Required.", "REQUIRED_FIELD_MISSING")])
        if any(one.name == name for one in self._of(account)):
            raise Violation("DISPLAY_NAME_ALREADY_USED", [(path, "Already used.", "DISPLAY_NAME_ALREADY_USED")])

    def _list(self, request: Message, _fault: Fault | None) -> Message:
        if request.filter:
            raise Violation("INVALID_FILTER", [("filter", "The twin lists everything.", "INVALID_FILTER")])
        held = self._of(_account(request.parent))
        start, size = int(request.page_token or 0), request.page_size or 50
        response = dm.ListUserListsResponse.pb()()
        for audience in held[start : start + size]:
            response.user_lists.append(self._shown(audience))
        if start + size < len(held):
            response.next_page_token = str(start + size)
        return response

    def _of(self, account: str) -> list[Audience]:
        every = self._world.audiences.values()
        return [one for one in every if one.platform == "google_ads" and one.account == account]

    def _shown(self, audience: Audience) -> Message:
        shown = dm.UserList.pb()()
        shown.name = f"accountTypes/GOOGLE_ADS/accounts/{audience.account}/userLists/{audience.id}"
        shown.id = int(audience.id)
        shown.display_name = audience.name
        shown.description = audience.description
        shown.membership_status = dm.UserList.MembershipStatus.OPEN
        shown.access_reason = dm.UserList.AccessReason.OWNED
        shown.membership_duration.FromTimedelta(timedelta(days=int(str(audience.settings["membership_days"]))))
        shown.ingested_user_list_info.upload_key_types.append(CONTACT_ID)
        shown.ingested_user_list_info.contact_id_info.match_rate_percentage = MATCH_RATE
        shown.size_info.search_network_members_count = rounded(len(audience.people))
        shown.size_info.display_network_members_count = rounded(len(audience.people))
        return shown


def _days(wanted: Message) -> int:
    duration = wanted.membership_duration.ToTimedelta()
    if duration > LONGEST or duration.seconds or duration.microseconds:
        field = ("user_list.membership_duration", "Whole days, at most 540.", "MEMBERSHIP_DURATION_TOO_LONG")
        raise Violation("MEMBERSHIP_DURATION_TOO_LONG", [field])
    return duration.days or LONGEST.days


def _account(parent: str) -> str:
    start, _, account = parent.rpartition("/")
    if start != "accountTypes/GOOGLE_ADS/accounts" or not _is_account(account):
        raise Violation("INVALID_RESOURCE_NAME", [("parent", "Not an account.", "INVALID_RESOURCE_NAME")])
    return account


def _is_account(text: str) -> bool:
    return len(text) == ACCOUNT_DIGITS and text.isdigit()
