"""What a destination promises. One file per platform implements it; SDKs are imported only there.

The engine (`workflows.sync`) calls in this order, and calls again after a crash:

    ensure -> match_keys -> [intent is recorded] -> add | remove -> [receipt is recorded] -> settle, until settled

`add` and `remove` must be harmless when repeated with the same rows: the platform's members are a set.

A full replacement is a series of additions between a beginning and a conclusion; see `Replaces` and `Replacement`:

    begin_replace -> (match_keys -> [intent] -> add(part=…) -> [receipt]) for each batch -> conclude_replace -> settle
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import pyarrow as pa

from passerelle.privacy.consent.cleared import ClearedBatch, FarewellBatch, RemovalBatch
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination as Platform


class Replaces(StrEnum):
    """How a platform replaces all members of an audience."""

    NEVER = "never"
    """It can't."""
    SWITCH = "switch"
    """The new list takes the place of the old at once, when its last batch is processed. Should it end before, nobody
    knows which of the two is there. Nothing else may be sent meanwhile."""
    SWEEP = "sweep"
    """People are added as ever, and when all of that is processed, whoever was not added again is taken out by one
    request. Until then everybody is there, and other batches may be sent."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Limits the engine keeps to, and what it may expect."""

    rows_per_request: int
    asynchronous_receipts: bool
    """True: a receipt stays pending until `settle` says otherwise."""
    settles_within: float | None = None
    """Seconds after which a receipt that is still pending will never settle; None where there is no such time."""
    flags_names: bool = False
    """True: the platform blocks audiences whose name or description speaks of health, money or beliefs."""
    replaces: Replaces = Replaces.NEVER


@dataclass(frozen=True, slots=True)
class AudienceSpec:
    """What the audience should be at the platform. `display_name` and `description` are seen by others there.

    `labels` are the platform's own words for the kind of people; None leaves their choice to the destination, which may
    know one for `rfm_groups` (names of `segmentation.rfm`), the groups that the segment is made of, if any.
    """

    audience: str
    display_name: str
    description: str = ""
    retention_days: int | None = None
    labels: tuple[str, ...] | None = None
    rfm_groups: tuple[str, ...] = ()
    values: bool = False
    """Whether each person comes with a value. The audience is made for that, or not, once and for all."""

    @classmethod
    def unchanged(cls, audience: str) -> "AudienceSpec":
        """For who only looks, or takes people out: an audience that is there stays as it is."""
        return cls(audience, "")

    @property
    def changes_nothing(self) -> bool:
        """Whether an audience that is there stays as it is."""
        return not self.display_name

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, in hex: tells whether the platform was told the same before."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteAudience:
    """Our audience at the platform: its id there, and the fixed wire columns of its rows for its life."""

    remote_id: str
    columns: tuple[str, ...]
    adopted: bool = field(default=False, compare=False)
    """It was found there, and perhaps not empty: people may be in it whom our ledger doesn't know."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchKeys:
    """The wire form of a cleared batch. `subject_ids` (int64) and `rows` are aligned, one row per person.

    `refused` has `subject_id` and `reason`: people without a single key that may be sent. `dropped` counts the
    single identifiers left out of rows that are sent, by reason.
    """

    subject_ids: pa.Array
    rows: Personal
    refused: pa.Table
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of some people could be found at the platform, before anything is sent.

    `by_key` counts people with at least one value of a field that may be sent; `defects` counts single values that may
    not, as `field.reason` (see `privacy.identifiers.REASONS`).
    """

    people: int
    findable: int
    by_key: Mapping[str, int] = field(default_factory=dict)
    defects: Mapping[str, int] = field(default_factory=dict)


def _good() -> None:
    """A decision that does not age."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Names one try of one batch. `batch_id` stays over tries, `attempt` counts them from 1."""

    batch_id: str
    attempt: int
    still_good: Callable[[], None] = _good
    """Called by `add` right before each request that carries people, after whatever waiting: raises `Outdated` once
    their consent was decided too long ago. Nothing may be sent then."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A replacement of all members, as it was begun. Another process may conclude it: it is kept as JSON.

    `token` is the platform's: JSON, no identifier. Times are ours, in microseconds since 1970 UTC.
    """

    total: int
    began_at: int
    clears: int
    """Who was last added until then, and is not sent again in this replacement, is out once it is concluded. Of people
    added later nothing is promised."""
    token: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class NotNow:
    """The platform's state allows no replacement now. Nothing was changed; additions and removals do the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """Which batch of a replacement this is: they are sent in order, one at a time, and none is empty."""

    replacement: Replacement
    number: int
    """From 1."""
    received: int
    """What the receipt of the part before says as `received`; 0 for the first."""
    last: bool


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """What the platform said. Counts are people: accepted + rejected + pending = sent.

    `reasons` counts rejections by the platform's own word. `rejected` has `subject_id` and `reason` where the
    platform says which rows it means; those of reason `NOT_SENT` are tried again. `warnings` counts what it noted of
    rows that it took, by its own word. `alarm` is a sentence about what a person must look at, though nothing has to be
    undone. `request` names the call at the platform (request or session id) and holds nothing else; it is JSON, and
    enough for `settle` in another process.
    """

    state: Literal["pending", "settled"]
    accepted: int
    rejected_count: int
    pending: int
    request: Mapping[str, str | int]
    reasons: Mapping[str, int] = field(default_factory=dict)
    rejected: pa.Table | None = None
    warnings: Mapping[str, int] = field(default_factory=dict)
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class AudienceState:
    """What the platform says of the audience: never promised to equal the ledger (sizes are rounded and late)."""

    status: str
    size_low: int | None = None
    size_high: int | None = None
    match_rate: float | None = None
    problems: tuple[str, ...] = ()
    working: bool = False
    """It has not come to an end with what it took."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: what was looked at, how it stands, what to do."""

    name: str
    state: Literal["ok", "warning", "failed"]
    message: str
    advice: str = ""


@runtime_checkable
class ForgetsEverywhere(Protocol):
    """What a destination may promise besides: to drop people from every audience of its account, whoever made it."""

    def forget_everywhere(self, batch: FarewellBatch, intent: Intent) -> Receipt:
        """Ask by every key that may be sent; at most `rows_per_request` people. Harmless when repeated.

        Who has no such key cannot be there, and counts as accepted.
        """
        ...


def value_column(destination: type) -> str:
    """The wire column that has each person's value, in audiences with values; empty where a platform knows none.

    It is one of the audience's fixed columns, for its life. Removals leave it out.
    """
    return str(getattr(destination, "VALUE_COLUMN", ""))


class Destination(Protocol):
    """A platform that audiences go to. Errors raised are those of `connectors.errors`, and hold no payload.

    The class itself is the entry point (`passerelle.destinations`): `Settings` is its part of `passerelle.yaml`,
    `LABELS`, where it has one, the labels that an audience may name there, and `VALUE_COLUMN` (see `value_column`) the
    wire column of people's values. It is made by
    `cls(name, settings, folder=folder)`, which reads no secret and reaches nothing yet; relative paths are taken from
    `folder`.
    """

    @property
    def name(self) -> str:
        """Its name in `passerelle.yaml`."""
        ...

    @property
    def platform(self) -> Platform:
        """Whose rules for identifiers and consent apply."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Limits and habits."""
        ...

    def find(self, spec: AudienceSpec) -> RemoteAudience | None:
        """The audience there that carries our mark, `adopted` where people may be in it. Changes nothing."""
        ...

    def ensure(self, spec: AudienceSpec, known: RemoteAudience | None) -> RemoteAudience:
        """Find the audience (by `known`, if given) or create it. Raises `Refused` where it is gone or unusable.

        One that is there is brought to `spec` as far as the platform allows, unless `spec.changes_nothing`.
        """
        ...

    def match_keys(self, batch: ClearedBatch, remote: RemoteAudience) -> MatchKeys:
        """Normalise and hash for this platform, in memory. Pure: nothing is sent."""
        ...

    def reach(self, identifiers: Personal) -> Reach:
        """Count who of these people (one a row) the platform could find. Pure: nothing is sent, nothing kept."""
        ...

    def add(
        self, remote: RemoteAudience, batch: ClearedBatch, keys: MatchKeys, intent: Intent, part: Part | None = None
    ) -> Receipt:
        """Send the rows of `keys`, which were made from `batch`; at most `rows_per_request` of them.

        Calls `intent.still_good` before each request, so that no wait sends anybody on an old decision.
        With `part`, as a part of a replacement. Raises `ReplacementOver` where the platform takes no more parts.
        """
        ...

    def begin_replace(self, remote: RemoteAudience, total: int, intent: Intent, now: int) -> Replacement | NotNow:
        """Whether all members can be replaced by `total` (> 0) others now, and how. Changes nothing there yet."""
        ...

    def conclude_replace(self, remote: RemoteAudience, replacement: Replacement, leaving: int) -> Receipt:
        """Take out everybody who was not sent again. The receipt is about the `leaving` people of ours among them.

        Harmless when repeated. `SWITCH`: follows the last part at once. `SWEEP`: once all parts are settled.
        """
        ...

    def remove(self, remote: RemoteAudience, batch: RemovalBatch, intent: Intent) -> Receipt:
        """Take people out by the match keys that were sent; at most `rows_per_request` of them."""
        ...

    def settle(self, remote: RemoteAudience, receipt: Receipt) -> Receipt:
        """Ask once how a pending request stands. Raises `Forgotten` where the platform does not know (any more)."""
        ...

    def state(self, remote: RemoteAudience) -> AudienceState:
        """Ask for size, status and match rate."""
        ...

    def check(self) -> list[Check]:
        """Look at token, terms, permissions and API version, without changing anything."""
        ...
