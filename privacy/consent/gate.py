"""The consent gate: decides who may be shared, keeps each decision, and is the only maker of a `ClearedBatch`.

What stands between a person's identifiers and a platform is `clear`: it decides again with the clock it is given,
in the transaction that records the decision, and only then asks the vault. It has no way around.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from passerelle.privacy.consent import decisions as kept_decisions
from passerelle.privacy.consent.ages import ages
from passerelle.privacy.consent.cleared import GATE_SEAL, ClearedBatch
from passerelle.privacy.consent.digest import digest
from passerelle.privacy.consent.documents import Document, keep, kept_notices, policy_in_force, time_of
from passerelle.privacy.consent.foreseen import Foreseen, basis
from passerelle.privacy.consent.history import EVERYTHING, Horizon
from passerelle.privacy.consent.judge import Identities, Judge
from passerelle.privacy.consent.kin import kin, survivors
from passerelle.privacy.consent.notice import Notice, Version, by_reference
from passerelle.privacy.consent.policy import Policy
from passerelle.privacy.consent.resolve import SECOND
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose


@dataclass(frozen=True, slots=True, eq=False)
class Cleared:
    """`batch`: who may be sent now. `withheld`: `subject_id` and `reason` of everybody else who was asked about.

    Together they hold each person once, as they are today: who was merged stands under the survivor's id.
    """

    batch: ClearedBatch
    withheld: pa.Table


@dataclass(frozen=True, slots=True)
class StaleSource:
    """A source of consent that is older than the policy allows. `age_seconds` is None where it was never pulled."""

    source: str
    age_seconds: int | None
    limit_seconds: int


@dataclass(frozen=True, slots=True)
class PastGate:
    """The gate as it was at a size of the log, whose last entry was written at `at` (microseconds UTC).

    Merges and links count as far as they had been found by then. Of where people were, and who has been erased since,
    only today's state is held.
    """

    _judge: Judge
    log_size: int
    at: int

    @property
    def policy(self) -> Policy:
        """The policy then in force; one without rules, where there was none."""
        return self._judge.policy

    def decide(
        self,
        connection: Connection,
        subject_ids: pa.Array,
        *,
        purpose: Purpose,
        destination: Destination,
        at: int | None = None,
    ) -> pa.Table:
        """What the gate would have answered then, in the shape of `Gate.decide`; about the instant `at`."""
        return self._judge.decide(connection, subject_ids, purpose, destination, at=self.at if at is None else at)


class Gate:
    """The gate in front of every destination. Every method works in the caller's transaction."""

    def __init__(
        self, store: Store, log: Journal, subjects: Identities, policy: Policy, notices: Mapping[str, Notice]
    ) -> None:
        self._store = store
        self._log = log
        self._subjects = subjects
        self.policy = policy
        self._notices = notices

    def decide(
        self,
        connection: Connection,
        subject_ids: pa.Array,
        *,
        purpose: Purpose,
        destination: Destination,
        at: int,
        heard_until: int | None = None,
    ) -> pa.Table:
        """A decision per row of `subject_ids`, in its order: `subject_id`, `allowed`, `reason`, `event_id`.

        Writes nothing. Who was merged is judged as the person they turned out to be. `heard_until` judges by what was
        known then; by default everything known counts. Where a rule has a minimum age, identifiers of people who were
        not yet allowed under this very policy are read to see it.
        """
        horizon = EVERYTHING if heard_until is None else Horizon(heard_until=heard_until)
        return self._judge(horizon).decide(connection, subject_ids, purpose, destination, at=at)

    def foresee(
        self, connection: Connection, subject_ids: pa.Array, *, purpose: Purpose, destination: Destination, at: int
    ) -> Foreseen:
        """The same decisions, for whoever is about to carry them out: `clear` takes them where they still hold.

        Consents that expire or begin, and birthdays where a rule asks for an age, are instants at which a decision
        changes by itself. What else changes it is written into the store, or stands in the policy and the notices.
        """
        found = self._judge(EVERYTHING).foresee(connection, subject_ids, purpose, destination, at=at)
        rests_on = None if found.aged else basis(self._store, connection, self.rules())
        return Foreseen(found.decisions, purpose, destination, at, found.holds_until, rests_on)

    def as_of(self, connection: Connection, log_size: int) -> "PastGate":
        """The gate as it was when the log had its first `log_size` entries (at least 1).

        It judges by the policy and the notices that were in the log by then, and by what these entries say; before the
        first policy everybody is denied. Raises `IntegrityError` where the log has no such entry.
        """
        at, policy = time_of(connection, log_size - 1), policy_in_force(connection, log_size)
        judge = Judge(
            self._store,
            self._subjects,
            policy or Policy(version=1, rules=()),
            lambda _connection: kept_notices(connection, log_size=log_size),
            Horizon(heard_until=at, log_size=log_size),
        )
        return PastGate(judge, log_size, at)

    def record(
        self,
        connection: Connection,
        decisions: pa.Table,
        *,
        audience: str,
        destination_name: str,
        purpose: Purpose,
        now: int,
        platform: Destination | None = None,
    ) -> int | None:
        """Keep and log those of `decisions` (see `decide`) that differ from the last ones; the entry's index, or None.

        Writes nothing when nothing changed. The policy and the notices are on file before a decision rests on them.
        """
        today = survivors(np.asarray(decisions["subject_id"].to_numpy()), kin(self._store, connection))
        ids, first = np.unique(today, return_index=True)
        once = decisions.take(pa.array(first)).set_column(0, "subject_id", pa.array(ids))
        known = platform or self._platform(connection, destination_name)
        occasion = kept_decisions.Occasion(audience, destination_name, known, purpose, self.policy.digest)
        self.document(connection, now)
        return kept_decisions.record(self._store, self._log, connection, once, occasion, now=now)

    def clear(  # noqa: PLR0913 - who, for what, where to, and what was known of it
        self,
        connection: Connection,
        subject_ids: pa.Array,
        *,
        audience: str,
        destination: Destination,
        destination_name: str,
        purpose: Purpose,
        now: int,
        values: Personal | None = None,
        foreseen: Foreseen | None = None,
    ) -> Cleared:
        """Decide now, keep what changed, and hand out the identifiers of those who may be sent, and of nobody else.

        `values` has `subject_id` and `value` of everybody who is asked about: they go with whoever may be sent.
        `foreseen` are decisions of a moment ago: where nothing that they follow from has changed since, they are what
        deciding again comes to, and are taken for it.
        """
        today = np.unique(survivors(np.asarray(subject_ids.to_numpy()), kin(self._store, connection)))
        decided, identifiers = self._decided(connection, today, purpose, destination, now, foreseen)
        index = self.record(
            connection,
            decided,
            audience=audience,
            destination_name=destination_name,
            purpose=purpose,
            now=now,
            platform=destination,
        )
        allowed = _allowed(decided)
        batch = ClearedBatch(
            seal=GATE_SEAL,
            destination=destination,
            audience=audience,
            purpose=purpose,
            subject_ids=allowed,
            identifiers=identifiers,
            revision=self._subjects.revisions(connection, allowed),
            log_index=self._log.size(connection) - 1 if index is None else index,
            decided_at=now,
            values=None if values is None else _values_of(values, allowed),
        )
        return Cleared(batch, decided.filter(pc.invert(decided["allowed"])).select(["subject_id", "reason"]))

    def stale(
        self,
        connection: Connection,
        *,
        now: int,
        purpose: Purpose | None = None,
        destination: Destination | None = None,
    ) -> list[StaleSource]:
        """The mandatory sources that are older than the policy allows: nobody may be added, removals go out.

        Rules may ask for fresher sources: those about `purpose` and `destination` count, by default all.
        """
        limits = self.policy.fresh(purpose, destination)
        c = t.cursor.c
        marks = select(c.source, func.min(c.watermark), func.count() - func.count(c.watermark)).group_by(c.source)
        seen = {source: None if unmarked else watermark for source, watermark, unmarked in connection.execute(marks)}
        ages_of = {name: seen.get(name) for name in limits}
        return [
            StaleSource(name, None if mark is None else (now - mark) // SECOND, limits[name])
            for name, mark in ages_of.items()
            if mark is None or now - mark > limits[name] * SECOND
        ]

    def document(self, connection: Connection, now: int) -> int:
        """Put the policy and every notice version on file and into the log where they are new; how many were."""
        notices = by_reference(self._notices.values())
        documents = [Document.of_policy(self.policy)]
        documents += [Document.of_notice(reference, version) for reference, version in notices.items()]
        return keep(self._store, self._log, connection, documents, now=now)

    def rules(self) -> str:
        """A digest of what decisions follow from besides what the store holds: the policy, and every notice version."""
        notices = by_reference(self._notices.values())
        told = {reference: Document.of_notice(reference, version).digest for reference, version in notices.items()}
        return digest({"policy": self.policy.digest, "notices": told})

    def under(self, policy: Policy) -> "Gate":
        """The same gate under another policy, to ask what it would say."""
        return Gate(self._store, self._log, self._subjects, policy, self._notices)

    def today(self, connection: Connection, subject_ids: pa.Array) -> pa.Array:
        """Who these people are today, merges followed."""
        return pa.array(survivors(np.asarray(subject_ids.to_numpy()), kin(self._store, connection)))

    def notice_versions(self, connection: Connection) -> dict[str, Version]:
        """Every notice version by reference. What is on file beats a file that was edited afterwards."""
        return {**by_reference(self._notices.values()), **kept_notices(connection)}

    # --- inside

    def _decided(
        self,
        connection: Connection,
        ids: npt.NDArray[np.int64],
        purpose: Purpose,
        destination: Destination,
        now: int,
        foreseen: Foreseen | None,
    ) -> tuple[pa.Table, Personal]:
        """Decisions on `ids` (survivors, ascending, distinct) as of now, and the identifiers of who is allowed."""
        if foreseen is not None and (foreseen.purpose, foreseen.destination) == (purpose, destination):
            still = foreseen.still(ids, now=now, rests_on=basis(self._store, connection, self.rules()))
            if still is not None:
                return still, self._subjects.identifiers(connection, _allowed(still))
        judged = self._judge(EVERYTHING).judged(connection, ids, purpose, destination, at=now)
        asked = _allowed(judged.decisions)
        identifiers = self._subjects.identifiers(connection, asked)
        if not judged.asks_age:
            return judged.decisions, identifiers
        decided = judged.with_ages(asked, ages(identifiers, at=now))
        return decided, Personal(identifiers.reveal().filter(pc.is_in(asked, _allowed(decided))))

    def _judge(self, horizon: Horizon) -> Judge:
        return Judge(self._store, self._subjects, self.policy, self.notice_versions, horizon)

    def _platform(self, connection: Connection, destination_name: str) -> Destination | None:
        c = t.remote_audience.c
        found = connection.execute(select(c.platform).where(c.destination == destination_name).limit(1)).scalar()
        return None if found is None else Destination(found)


def _allowed(decisions: pa.Table) -> pa.Array:
    return decisions.filter(decisions["allowed"])["subject_id"].combine_chunks()


def _values_of(values: Personal, ids: pa.Array) -> Personal:
    """The values of these people. Raises `ValueError` where somebody has none."""
    table = values.reveal()
    places = pc.index_in(ids, table["subject_id"].combine_chunks())
    if places.null_count:
        raise ValueError("somebody of an audience with values has none")
    return Personal(pa.table({"value": table["value"].combine_chunks().take(places)}))
