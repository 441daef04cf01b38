"""`usersreplace` at the Meta twin: one session that takes the place of everybody, once its last batch is processed.

Until then the old members are there, and nothing else may be uploaded. Batch 1 is the trigger: it comes first and once.
A session that is not finished after 90 minutes ends with what was sent. A scripted fault `partial` whose reason is
`REPLACE_FAILED` makes the whole replacement fail at its end: the old members stay, and the status is 415.
"""

from typing import Any

from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.graph_errors import GraphRefusal
from passerelle.connectors.twins.graph_rows import VALUE, Rows
from passerelle.connectors.twins.world import Audience, Change, World

NORMAL, REPLACING, FAILED = 200, 414, 415
SIZE_LIMIT = 100_000_000
WINDOW = 90 * 60 * 1_000_000
FAILS = "REPLACE_FAILED"
State = dict[str, Any]


class Replaces:
    """The replacements of a world. Sessions stand in its `sessions`, marked with `replace`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def take(self, audience: Audience, session: dict[str, Any], rows: Rows, status: int, fault: Fault | None) -> State:
        """Take one batch. Raises `GraphRefusal`; `status` is the audience's operation status before it."""
        key, batch = f"{audience.account}:{session['session_id']}", session["batch_seq"]
        held: State | None = self._world.sessions.get(key)
        state = held or self._begin(audience, key, batch, rows, status)
        self._check(audience, state, batch, rows)
        state["fails"] = bool(state["fails"] or (fault is not None and fault.partial and fault.partial.reason == FAILS))
        state["batches"][str(batch)] = {
            "rows": rows.keys, "received": rows.received, "identifiers": rows.identifiers, "invalid": len(rows.invalid),
            "values": rows.values,
        }  # fmt: skip
        state["received"] += rows.received
        if session["last_batch_flag"]:
            state["last"] = batch
        if state["last"] and len(state["batches"]) == state["last"]:
            self._finish(audience, key, state)
        return state

    def _begin(self, audience: Audience, key: str, batch: int, rows: Rows, status: int) -> State:
        if batch != 1:
            raise GraphRefusal(2650, "The first batch of the session is missing", 1870147)
        if status == REPLACING or self._world.pending(audience.id):
            raise GraphRefusal(2650, "An update of the audience is in progress", 1870145)
        if status not in {NORMAL, FAILED}:
            raise GraphRefusal(2650, "The audience is not in a state to be replaced", 1870148)
        if len(audience.people) >= SIZE_LIMIT:
            raise GraphRefusal(2650, "The audience is too large to be replaced", 1870144)
        if (VALUE in rows.schema) != bool(audience.settings.get("is_value_based")):
            raise GraphRefusal(2650, "The audience's value-basedness cannot change", 1870148)
        state: State = {
            "replace": True, "audience": audience.id, "opened": self._world.now(), "schema": list(rows.schema),
            "batches": {}, "received": 0, "last": 0, "phase": "open", "fails": False, "failed_at": 0,
        }  # fmt: skip
        self._world.sessions[key] = state
        return state

    def _check(self, audience: Audience, state: State, batch: int, rows: Rows) -> None:
        if not state.get("replace") or state["audience"] != audience.id:
            raise GraphRefusal(2650, "The session id is used for another upload", 1870148)
        if state["phase"] == "open" and self._world.now() - state["opened"] > WINDOW:
            self._finish(audience, f"{audience.account}:{self._number(state)}", state, timed_out=True)
        if state["phase"] == "timed out":
            raise GraphRefusal(2650, "The session timed out", 1870158)
        if state["phase"] != "open":
            raise GraphRefusal(2650, "The session is finished", 1870159)
        if batch == 1 and "1" in state["batches"]:
            raise GraphRefusal(2650, "An update of the audience is in progress", 1870145)
        if state["last"] and batch > state["last"]:
            raise GraphRefusal(2650, "The session is finished", 1870159)
        if list(rows.schema) != state["schema"]:
            raise GraphRefusal(2650, "All batches of a replacement have the same schema", 1870148)

    def _number(self, state: State) -> str:
        key = next(key for key, held in self._world.sessions.items() if held is state)
        return key.partition(":")[2]

    def _finish(self, audience: Audience, key: str, state: State, *, timed_out: bool = False) -> None:
        """All that was sent takes the place of whoever is there, at once or when the twins' clock lets it."""
        state["phase"] = "timed out" if timed_out else "finished"
        if state["fails"]:
            state["phase"], state["failed_at"] = "failed", self._world.now()
            return
        batches = [state["batches"][number] for number in sorted(state["batches"], key=int)]
        invalid = sum(batch["invalid"] for batch in batches)
        self._world.submit(
            Change(
                id=f"replace:{key}",
                audience=audience.id,
                action="replace",
                rows=[tuple(keys) for batch in batches for keys in batch["rows"]],
                received=state["received"],
                identifiers=sum(batch["identifiers"] for batch in batches),
                at=self._world.now(),
                outcome={"invalid": invalid} if invalid else {},
                values=None if batches[0]["values"] is None else [one for batch in batches for one in batch["values"]],
            )
        )
        for batch in batches:
            batch["rows"], batch["values"] = [], None

    def status(self, audience: Audience) -> int | None:
        """414 while a replacement goes on, 415 after one that failed, None where there is neither."""
        told = None
        for key, state in self._world.sessions.items():
            if not state.get("replace") or state["audience"] != audience.id:
                continue
            told = self._status(audience, key, state)
            if told == REPLACING:
                return told
        return told

    def _status(self, audience: Audience, key: str, state: State) -> int | None:
        if state["phase"] == "open":
            if self._world.now() - state["opened"] <= WINDOW:
                return REPLACING
            self._finish(audience, key, state, timed_out=True)
        if state["phase"] == "failed":
            return FAILED if state["failed_at"] >= audience.updated_at else None
        change = self._world.changes[f"replace:{key}"]
        self._world.poll(change)
        return None if change.done else REPLACING

    def session(self, audience: Audience, number: str, state: State) -> dict[str, object]:
        """What the edge `sessions` shows of a replacement."""
        status = self._status(audience, f"{audience.account}:{number}", state)
        shown: dict[str, object] = {
            "session_id": number,
            "start_time": str(state["opened"] // 1_000_000),
            "stage": "uploading" if status == REPLACING else "uploaded",
            "progress": "0" if status == REPLACING else "100",
            "num_received": str(state["received"]),
            "num_invalid_entries": str(sum(batch["invalid"] for batch in state["batches"].values())),
        }
        if status != REPLACING:
            shown["end_time"] = str(self._world.now() // 1_000_000)
        return shown
