"""Scripted faults: any answer at any call, so that an outage can be rehearsed.

A script is a list of `Fault`, given to the control endpoint, to `passerelle twins --faults FILE`, or to a handle.
"""

from collections import Counter
from fnmatch import fnmatchcase
from threading import Lock
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Json = dict[str, object]


class GraphError(BaseModel):
    """An error as Meta's Graph API words it."""

    model_config = ConfigDict(extra="forbid")

    code: int
    subcode: int | None = None
    message: str = "scripted"
    status: int = 400
    transient: bool = False
    minutes: int | None = None
    """Minutes until access comes back, put into the usage header."""


class HttpAnswer(BaseModel):
    """An answer that never came from the application: a proxy's HTML page, an empty body."""

    model_config = ConfigDict(extra="forbid")

    status: int
    body: str = ""
    content_type: str = "text/html"


class GrpcError(BaseModel):
    """A gRPC status as Google's Data Manager and Ads APIs send it."""

    model_config = ConfigDict(extra="forbid")

    code: str
    reason: str = ""
    """`reason` of its ErrorInfo, or for google_ads the `family.NAME` of its error code."""
    field: str = ""
    message: str = "scripted"
    metadata: dict[str, str] = Field(default_factory=dict)
    retry_seconds: int | None = None


class Partial(BaseModel):
    """The platform takes the request and drops some of its rows."""

    model_config = ConfigDict(extra="forbid")

    rows: tuple[int, ...]
    reason: str = "INVALID_FORMAT"


class Fault(BaseModel):
    """From the `nth` matching call on, `times` calls (0: for ever) go wrong in one way.

    `call` is a name such as `meta.users.add`, `data_manager.ingest`, `google_ads.search`; `*` matches anything.
    `applied` says whether the platform carried the request out before it went wrong; with `slow_seconds`, whether it
    waits before it carries the request out, or after.
    """

    model_config = ConfigDict(extra="forbid")

    call: str
    nth: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=0)
    applied: bool = False
    graph: GraphError | None = None
    http: HttpAnswer | None = None
    grpc: GrpcError | None = None
    partial: Partial | None = None
    drop: bool = False
    slow_seconds: float = Field(default=0, ge=0, le=600)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [self.graph, self.http, self.grpc, self.partial, self.drop or None, self.slow_seconds or None]
        if sum(one is not None for one in said) != 1:
            raise ValueError("a fault is one of graph, http, grpc, partial, drop, slow_seconds")
        return self

    @property
    def kind(self) -> Literal["graph", "http", "grpc", "partial", "drop", "slow"]:
        """Which of its ways it is."""
        for name in ("graph", "http", "grpc", "partial"):
            if getattr(self, name) is not None:
                return name
        return "drop" if self.drop else "slow"


class FaultScript:
    """Counts calls and says which fault is due. Several threads ask."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self._lock = Lock()
        self._faults: list[tuple[Fault, list[int]]] = []
        self.calls: Counter[str] = Counter()
        self.extend(faults or [])

    def extend(self, faults: list[Fault]) -> None:
        """Add faults; their `nth` counts from now."""
        with self._lock:
            self._faults.extend((fault, [0]) for fault in faults)

    def clear(self) -> None:
        """Forget every fault; the counts of calls stay."""
        with self._lock:
            self._faults.clear()

    def due(self, call: str) -> Fault | None:
        """Count this call; the first fault that is due for it, if any."""
        with self._lock:
            self.calls[call] += 1
            found = None
            for fault, seen in self._faults:
                if not fnmatchcase(call, fault.call):
                    continue
                seen[0] += 1
                past = seen[0] - fault.nth
                if found is None and past >= 0 and (fault.times == 0 or past < fault.times):
                    found = fault
            return found
