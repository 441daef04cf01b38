"""The Meta twin: Graph API paths for custom audiences, answered as the platform documents them.

Pure of HTTP: a call goes in, an answer comes out. `graph_server` speaks HTTP around it.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.connectors.twins.faults import Fault, GraphError
from passerelle.connectors.twins.graph_errors import Answer, GraphRefusal
from passerelle.connectors.twins.graph_replace import REPLACING, Replaces
from passerelle.connectors.twins.graph_rows import VALUE, Rows, read
from passerelle.connectors.twins.world import Audience, Change, World

VERSIONS = {"v24.0", "v25.0", "v26.0"}
CREATE = {
    "name", "subtype", "customer_file_source", "description", "retention_days", "opt_out_link", "audience_labels",
    "is_value_based",
}  # fmt: skip
LABELS = {
    "APP_USERS", "AT_RISK", "CART_ABANDONERS", "DISENGAGED", "DISQUALIFIED_LEADS", "ENGAGED_USERS", "GENERAL_CUSTOMERS",
    "HIGH_VALUE_CUSTOMERS", "LOW_VALUE_CUSTOMERS", "OTHER_1", "OTHER_2", "OTHER_3", "QUALIFIED_LEADS",
    "RECENT_PURCHASERS", "TRIAL_USERS",
}  # fmt: skip
SOURCES = {"USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"}
FIELDS = {
    "id", "account_id", "name", "description", "subtype", "customer_file_source", "retention_days", "operation_status",
    "delivery_status", "approximate_count_lower_bound", "approximate_count_upper_bound", "time_created",
    "time_updated", "time_content_updated", "audience_labels", "fields_violating_integrity_policy",
    "is_value_based",
}  # fmt: skip
ACCOUNT_FIELDS = {"id", "account_id", "name", "account_status", "tos_accepted", "user_tasks"}
SESSION_KEYS = {"session_id", "batch_seq", "last_batch_flag", "estimated_num_total"}
FLAGGED = "fields_violating_integrity_policy"
VALUED = "is_value_based"
TRUE = {"true", "1"}
SESSION_MICROSECONDS = 90 * 60 * 1_000_000
MAX_SESSION = 2**63 - 1
MAX_RETENTION = 180
AUDIENCE_LIMIT = 500
DELIVERABLE = 100
TOKEN = re.compile(r"[A-Za-z0-9._|-]{8,512}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, whatever way its parameters came."""

    method: str
    path: tuple[str, ...]
    params: Mapping[str, str]
    token: str


class Graph:
    """Answers Graph API calls out of a `World`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._replaces = Replaces(world)

    def answer(self, call: Call) -> Answer:
        """Carry out a call, or the fault that is scripted for it."""
        name, act = self._route(call)
        fault = self._world.faults.due(name)
        trace = f"twin{self._world.serial():08d}"
        if fault is not None and not fault.applied:
            time.sleep(fault.slow_seconds)
        try:
            if fault is None or fault.kind in {"slow", "partial"} or fault.applied:
                body = self._guarded(call, act, fault)
            else:
                body = None
        except GraphRefusal as refusal:
            return refusal.answer(trace)
        usage = (("X-Business-Use-Case-Usage", self._usage(fault)),)
        if fault is None or fault.kind in {"slow", "partial"}:
            return Answer(200, body, usage, slow=fault.slow_seconds if fault and fault.applied else 0)
        return self._broken(fault, trace, usage)

    def _guarded(self, call: Call, act: Callable[[Call, Fault | None], object], fault: Fault | None) -> object:
        if not TOKEN.fullmatch(call.token):
            raise GraphRefusal(190, "Invalid OAuth 2.0 Access Token")
        if not call.path or call.path[0] not in VERSIONS:
            raise GraphRefusal(2635, "You are calling a deprecated version of the Ads API.")
        with self._world.lock:
            return act(call, fault)

    @staticmethod
    def _broken(fault: Fault, trace: str, usage: tuple[tuple[str, str], ...]) -> Answer:
        if fault.drop:
            return Answer(0, None, drop=True)
        if fault.http is not None:
            return Answer(fault.http.status, fault.http.body, (), fault.http.content_type)
        error = fault.graph or GraphError(code=1, message="a fault of another platform was scripted for this call")
        refusal = GraphRefusal(error.code, error.message, error.subcode, transient=error.transient)
        plain = refusal.answer(trace, status=error.status)
        return Answer(plain.status, plain.body, usage)

    def _usage(self, fault: Fault | None) -> str:
        minutes = fault.graph.minutes if fault is not None and fault.graph is not None else None
        entry = {
            "type": "custom_audience",
            "call_count": 100 if minutes else 1,
            "total_cputime": 1,
            "total_time": 1,
            "estimated_time_to_regain_access": minutes or 0,
            "ads_api_access_tier": "standard_access",
        }
        return json.dumps({"1": [entry]})

    def _route(self, call: Call) -> tuple[str, Callable[[Call, Fault | None], object]]:
        method = call.params.get("method", call.method).upper() if call.method == "POST" else call.method
        node, edge = (*call.path[1:], "", "")[:2]
        account = node.startswith("act_")
        routes: dict[tuple[bool, str, str], tuple[str, Callable[[Call, Fault | None], object]]] = {
            (True, "", "GET"): ("meta.account.get", self._account),
            (True, "customaudiences", "GET"): ("meta.audiences.list", self._list),
            (True, "customaudiences", "POST"): ("meta.audiences.create", self._create),
            (True, "usersofanyaudience", "DELETE"): ("meta.users.forget", self._forget),
            (False, "", "GET"): ("meta.audience.get", self._get),
            (False, "", "POST"): ("meta.audience.update", self._update),
            (False, "", "DELETE"): ("meta.audience.delete", self._delete),
            (False, "users", "POST"): ("meta.users.add", self._users),
            (False, "users", "DELETE"): ("meta.users.remove", self._users),
            (False, "usersreplace", "POST"): ("meta.users.replace", self._replace),
            (False, "sessions", "GET"): ("meta.sessions.get", self._sessions),
        }
        return routes.get((account, edge, method), ("meta.unknown", self._unknown))

    def _unknown(self, _call: Call, _fault: Fault | None) -> object:
        raise GraphRefusal(100, "Unsupported request: the object or edge does not exist", 33)

    def _account(self, call: Call, _fault: Fault | None) -> object:
        fields = _fields(call, ACCOUNT_FIELDS)
        number = call.path[1].removeprefix("act_")
        whole: dict[str, object] = {
            "id": call.path[1],
            "account_id": number,
            "name": "Twin account",
            "account_status": 1,
            "tos_accepted": {"custom_audience_tos": int(self._world.terms_accepted), "web_custom_audience_tos": 1},
            "user_tasks": ["DRAFT", "ANALYZE", "ADVERTISE", "MANAGE"],
        }
        return {name: whole[name] for name in whole if name in fields}

    def _list(self, call: Call, _fault: Fault | None) -> object:
        _only(call, {"fields", "limit", "after", "filtering"})
        fields = _fields(call, FIELDS)
        start, limit = int(call.params.get("after", "0")), int(call.params.get("limit", "25"))
        account = call.path[1].removeprefix("act_")
        held = [one for one in self._world.audiences.values() if one.platform == "meta" and one.account == account]
        page: dict[str, object] = {"data": [self._shown(one, fields) for one in held[start : start + limit]]}
        if start + limit < len(held):
            page["paging"] = {"cursors": {"before": str(start), "after": str(start + limit)}, "next": "more"}
        return page

    def _create(self, call: Call, _fault: Fault | None) -> object:
        _only(call, CREATE)
        name = call.params.get("name", "")
        if not name or call.params.get("subtype") != "CUSTOM":
            raise GraphRefusal(100, "(#100) Missing required parameter: name or subtype")
        if call.params.get("customer_file_source") not in SOURCES:
            raise GraphRefusal(100, "(#100) Missing required parameter: customer_file_source", 1713154)
        retention = call.params.get("retention_days")
        if retention is not None and not (retention.isdigit() and 1 <= int(retention) <= MAX_RETENTION):
            raise GraphRefusal(100, "(#100) retention_days must be between 1 and 180")
        labels = _labels(call)
        account = call.path[1].removeprefix("act_")
        if (
            sum(one.platform == "meta" and one.account == account for one in self._world.audiences.values())
            >= AUDIENCE_LIMIT
        ):
            raise GraphRefusal(100, "You have too many custom audiences", 1713152)
        identity = f"2384{self._world.serial():013d}"
        audience = self._world.create("meta", identity, account, name, call.params.get("description", ""))
        audience.settings = {"customer_file_source": call.params["customer_file_source"]}
        if retention is not None:
            audience.settings["retention_days"] = int(retention)
        if "audience_labels" in call.params:
            audience.settings["audience_labels"] = labels
        audience.settings[VALUED] = call.params.get(VALUED, "").lower() in TRUE
        return {"id": identity}

    def _get(self, call: Call, _fault: Fault | None) -> object:
        return self._shown(self._audience(call), _fields(call, FIELDS))

    def _update(self, call: Call, _fault: Fault | None) -> object:
        _only(call, {"name", "description", "audience_labels"})
        audience = self._audience(call)
        _review(audience, call.params)
        if "audience_labels" in call.params:
            audience.settings["audience_labels"] = _labels(call)
        audience.name = call.params.get("name", audience.name)
        audience.description = call.params.get("description", audience.description)
        return {"success": True}

    def _delete(self, call: Call, _fault: Fault | None) -> object:
        del self._world.audiences[self._audience(call).id]
        return {"success": True}

    def _users(self, call: Call, fault: Fault | None) -> object:
        _only(call, {"payload", "session", "method"})
        audience = self._audience(call)
        if "payload" not in call.params:
            raise GraphRefusal(100, "(#100) Missing required parameter: payload")
        rows = read(call.params["payload"], keep=self._world.keeps, also_invalid=_dropped(fault))
        if self._replaces.status(audience) == REPLACING:
            raise GraphRefusal(2650, "An update of the audience is in progress", 1870145)
        removes = call.method == "DELETE" or call.params.get("method", "").upper() == "DELETE"
        self._check_open(audience, len(rows.keys) if removes else 0)
        if not removes and (VALUE in rows.schema) != bool(audience.settings.get(VALUED)):
            raise GraphRefusal(2650, "Data is missing or does not match schema: values belong to value-based audiences")
        session = self._session(call, audience)
        change = Change(
            id=f"session:{session}",
            audience=audience.id,
            action="remove" if removes else "add",
            rows=rows.keys,
            received=rows.received,
            identifiers=rows.identifiers,
            at=self._world.now(),
            outcome={"invalid": len(rows.invalid)} if rows.invalid else {},
            values=rows.values,
        )
        self._world.submit(change)
        return _receipt(audience, session, rows)

    def _check_open(self, audience: Audience, leaving: int = 0) -> None:
        """Whether Meta takes an upload to this audience now."""
        if not self._world.terms_accepted:
            raise GraphRefusal(200, "You haven't agreed to the Custom Audience terms.", 1870090)
        if audience.settings.get(FLAGGED):
            raise GraphRefusal(100, "Audience Upload Blocked", 1713230)
        if leaving and max(len(audience.people) - leaving, 0) < self._world.smallest:
            raise GraphRefusal(
                2650,
                "Audience Size too low: You cannot remove users from this audience because it will result in a low "
                "audience size",
            )

    def _replace(self, call: Call, fault: Fault | None) -> object:
        _only(call, {"payload", "session"})
        audience = self._audience(call)
        if "payload" not in call.params or "session" not in call.params:
            raise GraphRefusal(100, "(#100) Missing required parameter: payload or session")
        rows = read(call.params["payload"], keep=self._world.keeps, also_invalid=_dropped(fault))
        self._check_open(audience)
        session = _session_of(call.params["session"])
        state = self._replaces.take(audience, session, rows, self._operation(audience), fault)
        received: object = state["received"]
        return {**_receipt(audience, f":{session['session_id']}", rows), "num_received": received}

    def _session(self, call: Call, audience: Audience) -> str:
        """Check the session's order, and say under which name this batch is kept."""
        text = call.params.get("session")
        if text is None:
            return f"{audience.id}:{self._world.serial()}"
        session = _session_of(text)
        number, batch, last = session["session_id"], session["batch_seq"], session["last_batch_flag"]
        key = f"{audience.account}:{number}"
        state = self._world.sessions.setdefault(
            key, {"audience": audience.id, "next": 1, "closed": False, "opened": self._world.now()}
        )
        if state["audience"] != audience.id:
            raise GraphRefusal(2650, "The session id is used for another audience", 1870148)
        if state["closed"]:
            raise GraphRefusal(2650, "The session is finished", 1870159)
        if self._world.now() - int(str(state["opened"])) > SESSION_MICROSECONDS:
            raise GraphRefusal(2650, "The session timed out", 1870158)
        if batch != state["next"]:
            raise GraphRefusal(2650, "Batches of a session must come in order, from 1", 1870147)
        state["next"], state["closed"] = int(str(batch)) + 1, last
        return f"{key}:{batch}"

    def _sessions(self, call: Call, _fault: Fault | None) -> object:
        _only(call, {"session_id", "fields", "limit"})
        audience = self._audience(call)
        number = call.params.get("session_id", "")
        state = self._world.sessions.get(f"{audience.account}:{number}")
        if state is None or state["audience"] != audience.id:
            return {"data": []}
        if state.get("replace"):
            return {"data": [self._replaces.session(audience, number, state)]}
        prefix = f"session:{audience.account}:{number}:"
        batches = [self._world.changes[f"{prefix}{batch}"] for batch in range(1, int(str(state["next"])))]
        for change in batches:
            self._world.poll(change)
        done = bool(state["closed"]) and all(change.done for change in batches)
        invalid = sum(sum(change.outcome.values()) for change in batches)
        received = sum(change.received for change in batches)
        shown: dict[str, object] = {
            "session_id": number,
            "start_time": str(int(str(state["opened"])) // 1_000_000),
            "stage": "uploaded" if done else "uploading",
            "progress": "100" if done else "0",
            "num_received": str(received),
            "num_invalid_entries": str(invalid),
        }
        if done:
            shown |= {"num_matched": str(received - invalid), "end_time": str(self._world.now() // 1_000_000)}
        return {"data": [shown]}

    def _forget(self, call: Call, fault: Fault | None) -> object:
        _only(call, {"payload", "method", "session", "namespace"})
        rows = read(call.params.get("payload", ""), keep=self._world.keeps, also_invalid=_dropped(fault))
        account = call.path[1].removeprefix("act_")
        for audience in self._world.audiences.values():
            if audience.platform == "meta" and audience.account == account:
                for keys in rows.keys:
                    audience.people.remove(keys)
        return {"num_received": rows.received, "num_invalid_entries": len(rows.invalid)}

    def _audience(self, call: Call) -> Audience:
        audience = self._world.audiences.get(call.path[1])
        if audience is None or audience.platform != "meta":
            raise GraphRefusal(100, "Unsupported request. Object does not exist or cannot be loaded", 33)
        return audience

    def _operation(self, audience: Audience) -> int:
        """The code of `operation_status`."""
        if audience.settings.get(FLAGGED):
            return 471
        replacing = self._replaces.status(audience)
        if replacing is not None:
            return replacing
        if self._world.pending(audience.id):
            return 441
        return 410 if audience.updated_at == audience.created_at else 200

    def _shown(self, audience: Audience, fields: set[str]) -> dict[str, object]:
        operation, count = self._operation(audience), len(audience.people)
        rounded = count - count % 100
        whole: dict[str, object] = {
            "id": audience.id,
            "account_id": audience.account,
            "name": audience.name,
            "description": audience.description,
            "subtype": "CUSTOM",
            "operation_status": {"code": operation, "description": _OPERATIONS[operation]},
            "delivery_status": (
                {"code": 200, "description": "This audience is ready for use."}
                if count >= DELIVERABLE
                else {"code": 300, "description": "This audience is too small."}
            ),
            "approximate_count_lower_bound": rounded,
            "approximate_count_upper_bound": rounded + 100,
            "time_created": audience.created_at // 1_000_000,
            "time_updated": audience.updated_at // 1_000_000,
            "time_content_updated": audience.updated_at // 1_000_000,
        } | audience.settings
        return {name: value for name, value in whole.items() if name in fields or name == "id"}


_OPERATIONS = {
    200: "Normal",
    410: "No file was uploaded.",
    414: "The audience is being replaced.",
    415: "The audience could not be replaced.",
    441: "We're finding people who match your list.",
    471: "This audience is flagged for integrity.",
}


def _session_of(text: str) -> dict[str, Any]:
    session = _object(text, "session")
    number, batch, last = session.get("session_id"), session.get("batch_seq"), session.get("last_batch_flag")
    typed = isinstance(number, int) and isinstance(batch, int) and isinstance(last, bool)
    if session.keys() - SESSION_KEYS or not typed or not 0 < int(str(number)) <= MAX_SESSION or int(str(batch)) < 1:
        raise GraphRefusal(100, "Invalid parameter: session")
    return session


def _receipt(audience: Audience, session: str, rows: Rows) -> dict[str, object]:
    return {
        "audience_id": audience.id,
        "session_id": session.split(":")[1],
        "num_received": rows.received,
        "num_invalid_entries": len(rows.invalid),
        "invalid_entry_samples": rows.samples,
    }


def _dropped(fault: Fault | None) -> dict[int, str]:
    if fault is None or fault.partial is None:
        return {}
    return dict.fromkeys(fault.partial.rows, fault.partial.reason)


def _review(audience: Audience, changed: Mapping[str, str]) -> None:
    """A flagged audience can be changed only where that changes what was flagged; then the flag is gone."""
    flagged = audience.settings.get(FLAGGED)
    if not isinstance(flagged, list) or not flagged:
        return
    if any(changed.get(name, getattr(audience, name, "")) == getattr(audience, name, "") for name in flagged):
        raise GraphRefusal(100, "The flagged fields are unchanged", 1713231)
    del audience.settings[FLAGGED]


def _labels(call: Call) -> list[str]:
    try:
        labels = json.loads(call.params.get("audience_labels", "[]"))
    except ValueError:
        labels = None
    if not isinstance(labels, list) or not all(isinstance(one, str) and one in LABELS for one in labels):
        raise GraphRefusal(100, "(#100) Param audience_labels must be a list of the labels that exist")
    return labels


def _object(text: str, name: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise GraphRefusal(100, f"Invalid parameter: {name} must be a JSON object")
    return value


def _only(call: Call, known: set[str]) -> None:
    unknown = call.params.keys() - known
    if unknown:
        raise GraphRefusal(100, f"(#100) Unknown parameter {min(unknown)}")


def _fields(call: Call, known: set[str]) -> set[str]:
    asked = {name.strip() for name in call.params.get("fields", "id").split(",")}
    if asked - known:
        raise GraphRefusal(100, f"(#100) Tried accessing nonexisting field ({min(asked - known)})")
    return asked
