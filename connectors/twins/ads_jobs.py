"""OfflineUserDataJobService as a twin: a job is made, filled with operations of one kind, run once, and never read.

Its rules are those of the Ads API: a job does additions or removals; remove-all comes first; operations are added
before it runs; of a list, one job runs at a time; consent is the job's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.ads.googleads.v26.services.types import offline_user_data_job_service as service
from google.longrunning.operations_pb2 import Operation

from passerelle.connectors.twins.ads_errors import AdsRefusal, partial
from passerelle.connectors.twins.faults import Fault, Partial
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import Audience, Change, World

CUSTOMER_MATCH, GRANTED, DENIED = 4, 2, 3
MOST_IDENTIFIERS, MOST_OF_ONE = 100_000, 20
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
BLANK = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
PENDING, RUNNING, SUCCESS, FAILED = 2, 3, 4, 5


def _wrong(name: str, message: str = "Refused by the twin.") -> AdsRefusal:
    return AdsRefusal("offline_user_data_job_error", name, message)


class AdsJobs:
    """Answers out of a `World`. Raises `AdsRefusal`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create(self, request: Message, _fault: Fault | None) -> Message:
        """Make a job for one list."""
        wanted, account = request.job, request.customer_id
        if wanted.type_ != CUSTOMER_MATCH:
            raise _wrong("INVALID_USER_LIST_TYPE", "The twin fills lists of customers.")
        metadata = wanted.customer_match_user_list_metadata
        audience = self._audience(account, metadata.user_list)
        consent = [metadata.consent.ad_user_data, metadata.consent.ad_personalization]
        if DENIED in consent:
            raise _wrong("CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS")
        taken = {job["external_id"] for job in self._world.jobs.values() if job["account"] == account}
        if wanted.external_id and wanted.external_id in taken:
            raise _wrong("EXTERNAL_UPDATE_ID_ALREADY_EXISTS")
        response = service.CreateOfflineUserDataJobResponse.pb()()
        if request.validate_only:
            return response
        identity = self._world.serial()
        response.resource_name = f"customers/{account}/offlineUserDataJobs/{identity}"
        self._world.jobs[response.resource_name] = {
            "id": identity,
            "account": account,
            "external_id": wanted.external_id,
            "audience": audience.id,
            "consented": consent == [GRANTED, GRANTED],
            "kind": "",
            "clears": False,
            "rows": [],
            "started": False,
            "failure": 0,
        }
        return response

    def add(self, request: Message, fault: Fault | None) -> Message:
        """Add operations; with partial failure, the bad ones are named and left out."""
        job = self._job(request.resource_name)
        if job["started"]:
            raise _wrong("JOB_ALREADY_STARTED")
        if not request.operations:
            raise AdsRefusal("request_error", "REQUIRED_FIELD_MISSING", "No operation.")
        clears, kind = _kinds(request.operations, job)
        if sum(len(_data(operation).user_identifiers) for operation in request.operations) > MOST_IDENTIFIERS:
            raise _wrong("TOO_MANY_USER_IDENTIFIERS")
        read, bad = _understood(request.operations, fault.partial if fault is not None else None)
        if bad and not request.enable_partial_failure:
            raise bad[0][0]
        response = service.AddOfflineUserDataJobOperationsResponse.pb()()
        if bad:
            response.partial_failure_error.CopyFrom(partial(bad))
        if not request.validate_only:
            job["kind"], job["clears"] = kind, clears
            job["rows"].extend(read if self._world.keeps else [()] * len(read))
        return response

    def run(self, request: Message, fault: Fault | None) -> Message:
        """Start a job: what it does is done when somebody has asked for it often enough."""
        job = self._job(request.resource_name)
        if job["started"]:
            raise _wrong("JOB_ALREADY_STARTED")
        for name, other in self._world.jobs.items():
            if other["audience"] == job["audience"] and other["started"] and not self._done(name):
                message = "Multiple requests were attempting to modify the same resource at once. Retry the request."
                raise AdsRefusal("database_error", "CONCURRENT_MODIFICATION", message, "ABORTED")
        if request.validate_only:
            return Operation()
        job["started"] = True
        rows = job.pop("rows")
        job["rows"] = []
        if fault is not None and fault.partial is not None:
            job["failure"] = 1
            rows = []
        if job["clears"]:
            self._submit(f"{request.resource_name}/all", job, "remove_all", [])
        dropped = job["kind"] == "create" and not job["consented"]  # without consent, nobody is processed
        self._submit(
            request.resource_name, job, "remove" if job["kind"] == "remove" else "add", [] if dropped else rows
        )
        return Operation(name=f"{request.resource_name}/operation")

    def _submit(self, name: str, job: Mapping[str, Any], action: Any, rows: list[tuple[str, ...]]) -> None:  # noqa: ANN401 - one of three words
        now = self._world.now()
        change = Change(f"job:{name}", job["audience"], action, rows, len(rows), 0, now, before=now)
        self._world.submit(change)

    def _done(self, name: str) -> bool:
        change = self._world.changes.get(f"job:{name}")
        return change is None or change.done

    def _job(self, name: str) -> dict[str, Any]:
        job = self._world.jobs.get(name)
        if job is None:
            raise AdsRefusal("mutate_error", "RESOURCE_NOT_FOUND", "No such job.", "NOT_FOUND")
        return job

    def _audience(self, account: str, name: str) -> Audience:
        owner, _, identity = name.rpartition("/userLists/")
        audience = self._world.audiences.get(identity)
        if owner != f"customers/{account}" or audience is None or audience.account != account:
            raise _wrong("INVALID_USER_LIST_ID")
        return audience


def _kinds(operations: Sequence[Message], job: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether everybody goes first, and whether these are additions or removals: one kind a job."""
    named = [operation.WhichOneof("operation") for operation in operations]
    if "remove_all" in named[1:] or (named[0] == "remove_all" and (job["clears"] or job["kind"])):
        raise _wrong("INVALID_OPERATION_ORDER")
    kinds = {*named, job["kind"]} - {"remove_all", ""}
    if None in kinds or len(kinds) > 1:
        raise _wrong("CONFLICTING_OPERATION")
    return bool(job["clears"]) or named[0] == "remove_all", str(next(iter(kinds), ""))


def _understood(
    operations: Sequence[Message], scripted: Partial | None
) -> tuple[list[tuple[str, ...]], list[tuple[AdsRefusal, int | None]]]:
    """Everybody's keys, and the operations that are refused, with their places."""
    read: list[tuple[str, ...]] = []
    bad: list[tuple[AdsRefusal, int | None]] = []
    for place, operation in enumerate(operations):
        if operation.WhichOneof("operation") == "remove_all":
            continue
        try:
            if scripted is not None and place in scripted.rows:
                raise _wrong(scripted.reason)
            read.append(_keys(_data(operation)))
        except AdsRefusal as refusal:
            bad.append((refusal, place))
    return read, bad


def _data(operation: Message) -> Message:
    return operation.remove if operation.WhichOneof("operation") == "remove" else operation.create


def _keys(data: Message) -> tuple[str, ...]:
    """A person's keys, as the Data Manager twin writes them: either may remove whom the other added."""
    if data.HasField("consent"):
        raise _wrong("OPERATION_LEVEL_CONSENT_PROVIDED")
    if not data.user_identifiers:
        raise _wrong("MISSING_USER_IDENTIFIER")
    if len(data.user_identifiers) > MOST_OF_ONE:
        raise _wrong("TOO_MANY_USER_IDENTIFIERS")
    keys = [_key(identifier) for identifier in data.user_identifiers]
    strong = tuple(key for key in keys if not key.startswith("address:"))
    return strong or tuple(keys)


def _key(identifier: Message) -> str:
    which = identifier.WhichOneof("identifier")
    if which == "hashed_email":
        return "email:" + _digest(identifier.hashed_email)
    if which == "hashed_phone_number":
        return "phone:" + _digest(identifier.hashed_phone_number)
    if which != "address_info":
        raise _wrong("INCOMPATIBLE_UPLOAD_KEY_TYPE")
    address = identifier.address_info
    if not (address.country_code and address.postal_code):
        raise _wrong("MISSING_USER_IDENTIFIER")
    if not COUNTRY.fullmatch(address.country_code):
        raise _wrong("INVALID_COUNTRY_CODE")
    names = (_digest(address.hashed_first_name), _digest(address.hashed_last_name))
    return "address:" + "|".join((*names, address.country_code, address.postal_code))


def _digest(value: str) -> str:
    if not DIGEST.fullmatch(value) or value == BLANK:
        raise _wrong("INVALID_SHA256_FORMAT")
    return value
