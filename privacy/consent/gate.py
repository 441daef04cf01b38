"""The consent gate: decides who may be shared, keeps each decision, and is the only maker of a `ClearedBatch`.

What stands between a person's identifiers and a platform is `clear`: it decides again with the clock it is given,
in the transaction that records the decision, and only then asks the vault. It has no way around.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from passerelle.privacy.consent import decisions as kept_decisions
from passerelle.privacy.consent.ages import UNKNOWN, ages
from passerelle.privacy.consent.cleared import GATE_SEAL, ClearedBatch
from passerelle.privacy.consent.documents import Document, keep, kept_notices
from passerelle.privacy.consent.history import history
from passerelle.privacy.consent.kin import kin, survivors
from passerelle.privacy.consent.notice import Notice, Version, by_reference
from passerelle.privacy.consent.policy import Policy, Rule
from passerelle.privacy.consent.resolve import (
    DAY,
    FOREVER,
    NO_JURISDICTION,
    NO_RULE,
    NO_STOP,
    SECOND,
    People,
    Terms,
    Told,
    resolve,
    stop_code,
)
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, EvidenceGrade, Purpose

Ints = npt.NDArray[np.int64]

_SCAN_FROM = 20_000
"""From so many people on, reading everybody is cheaper than looking each one up."""


class Identities(Protocol):
    """People, as far as the gate asks (`privacy.subjects.Subjects` does)."""

    def identifiers(self, connection: Connection, ids: pa.Array) -> Personal:
        """Rows aligned with `ids`."""
        ...

    def revisions(self, connection: Connection, ids: pa.Array) -> pa.Array:
        """int32, aligned with `ids`."""
        ...


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
        today = survivors(np.asarray(subject_ids.to_numpy()), kin(self._store, connection))
        ids = np.unique(today)
        judged = self._judge(connection, ids, purpose, destination, at=at, heard_until=heard_until)
        decided = judged.decisions
        if judged.asks_age:
            seen = kept_decisions.vouched(
                self._store, connection, policy=self.policy.digest, purpose=purpose, platform=destination
            )
            unseen = judged.to_be_aged()
            unseen = unseen.filter(pc.invert(pc.is_in(unseen, seen)))
            decided = judged.with_ages(unseen, ages(self._subjects.identifiers(connection, unseen), at=at))
        rows = decided.take(pa.array(np.searchsorted(ids, today)))
        return rows.set_column(0, "subject_id", subject_ids)

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

    def clear(
        self,
        connection: Connection,
        subject_ids: pa.Array,
        *,
        audience: str,
        destination: Destination,
        destination_name: str,
        purpose: Purpose,
        now: int,
    ) -> Cleared:
        """Decide now, keep what changed, and hand out the identifiers of those who may be sent, and of nobody else."""
        today = np.unique(survivors(np.asarray(subject_ids.to_numpy()), kin(self._store, connection)))
        judged = self._judge(connection, today, purpose, destination, at=now)
        asked = judged.decisions.filter(judged.decisions["allowed"])["subject_id"].combine_chunks()
        identifiers = self._subjects.identifiers(connection, asked)
        decided = judged.with_ages(asked, ages(identifiers, at=now)) if judged.asks_age else judged.decisions
        index = self.record(
            connection,
            decided,
            audience=audience,
            destination_name=destination_name,
            purpose=purpose,
            now=now,
            platform=destination,
        )
        allowed = decided.filter(decided["allowed"])["subject_id"].combine_chunks()
        cleared = pc.is_in(asked, allowed)
        batch = ClearedBatch(
            seal=GATE_SEAL,
            destination=destination,
            audience=audience,
            purpose=purpose,
            subject_ids=allowed,
            identifiers=Personal(identifiers.reveal().filter(cleared)),
            revision=self._subjects.revisions(connection, allowed),
            log_index=self._log.size(connection) - 1 if index is None else index,
            decided_at=now,
        )
        return Cleared(batch, decided.filter(pc.invert(decided["allowed"])).select(["subject_id", "reason"]))

    def stale(self, connection: Connection, *, now: int) -> list[StaleSource]:
        """The mandatory sources that are older than the policy allows: nobody may be added, removals go out."""
        c = t.cursor.c
        marks = select(c.source, func.min(c.watermark), func.count() - func.count(c.watermark)).group_by(c.source)
        seen = {source: None if unmarked else watermark for source, watermark, unmarked in connection.execute(marks)}
        ages_of = {name: seen.get(name) for name in self.policy.freshness}
        return [
            StaleSource(name, None if mark is None else (now - mark) // SECOND, self.policy.freshness[name])
            for name, mark in ages_of.items()
            if mark is None or now - mark > self.policy.freshness[name] * SECOND
        ]

    def document(self, connection: Connection, now: int) -> int:
        """Put the policy and every notice version on file and into the log where they are new; how many were."""
        notices = by_reference(self._notices.values())
        documents = [Document.of_policy(self.policy)]
        documents += [Document.of_notice(reference, version) for reference, version in notices.items()]
        return keep(self._store, self._log, connection, documents, now=now)

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

    def _judge(
        self,
        connection: Connection,
        ids: Ints,
        purpose: Purpose,
        destination: Destination,
        *,
        at: int,
        heard_until: int | None = None,
    ) -> "_Judged":
        """Decide on `ids` (survivors, ascending, distinct), but for their ages."""
        people, rules = self._people(connection, ids, purpose, destination)
        heard = history(self._store, connection, pa.array(ids), purpose, heard_until=heard_until)
        terms = [_terms(rule) for rule in rules]
        told = self._told(connection, purpose, destination)
        decisions = resolve(people, heard, terms, told, recipient=destination.value, at=at)
        return _Judged(decisions, rules, people.terms)

    def _people(
        self, connection: Connection, ids: Ints, purpose: Purpose, destination: Destination
    ) -> tuple[People, list[Rule]]:
        """Where the people are, which rule that means, and who is beyond all rules."""
        held = self._held(connection, pa.array(ids))
        place = pc.index_in(pa.array(ids), held["subject_id"].combine_chunks())
        country = held["country"].take(place).combine_chunks().dictionary_encode()
        rules: list[Rule] = []
        codes = []
        for word in country.dictionary.to_pylist():
            rule = self.policy.rule(purpose, destination, word)
            if rule is None:
                codes.append(NO_JURISDICTION if self.policy.needs_state(purpose, destination, word) else NO_RULE)
                continue
            if rule not in rules:
                rules.append(rule)
            codes.append(rules.index(rule))
        by_country = np.array([*codes, NO_JURISDICTION])
        which = np.asarray(pc.fill_null(country.indices, len(codes)).to_numpy(zero_copy_only=False))
        stop = np.full(len(ids), NO_STOP)
        stop[_mask(held["erased_at"].take(place).is_valid())] = stop_code("erased")
        stop[_mask(place.is_null())] = stop_code("unknown_person")
        return People(ids, by_country[which], stop), rules

    def _held(self, connection: Connection, ids: pa.Array) -> pa.Table:
        columns = select(t.subject.c.subject_id, t.subject.c.country, t.subject.c.erased_at)
        if len(ids) >= _SCAN_FROM:
            return self._store.table(connection, columns)
        with self._store.among(connection, ids) as chosen:
            return self._store.table(
                connection, columns.join_from(chosen.table, t.subject, t.subject.c.subject_id == chosen)
            )

    def _told(self, connection: Connection, purpose: Purpose, destination: Destination) -> list[Told]:
        """Every notice, as seen from this purpose and recipient."""
        return [
            Told(
                reference,
                purpose in version.purposes,
                destination in version.recipients,
                version.first_instant,
                FOREVER if version.last_instant is None else version.last_instant,
            )
            for reference, version in self.notice_versions(connection).items()
        ]

    def _platform(self, connection: Connection, destination_name: str) -> Destination | None:
        c = t.remote_audience.c
        found = connection.execute(select(c.platform).where(c.destination == destination_name).limit(1)).scalar()
        return None if found is None else Destination(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Decisions in the order of their ids, with the place of each person's rule among `rules` (negative: none)."""

    decisions: pa.Table
    rules: Sequence[Rule]
    places: Ints

    @property
    def asks_age(self) -> bool:
        """Whether any rule asks how old people are."""
        return any(rule.minimum_age is not None for rule in self.rules)

    def to_be_aged(self) -> pa.Array:
        """Who would be allowed by a rule that asks for an age."""
        asks = np.array([*(rule.minimum_age is not None for rule in self.rules), False, False])
        wanted = asks[self.places] & _mask(self.decisions["allowed"])
        return self.decisions["subject_id"].combine_chunks().filter(pa.array(wanted))

    def with_ages(self, subject_ids: pa.Array, lived: Ints) -> pa.Table:
        """The decisions, where `subject_ids` have certainly lived so many years (-1: not known)."""
        row = np.asarray(pc.index_in(subject_ids, self.decisions["subject_id"].combine_chunks()).to_numpy())
        least = np.array([*(rule.minimum_age or 0 for rule in self.rules), 0, 0])[self.places][row]
        required = np.array([*(rule.age_required for rule in self.rules), False, False])[self.places][row]
        reasons = np.array(self.decisions["reason"].to_pylist(), dtype=object)
        allowed = _mask(self.decisions["allowed"]).copy()
        for reason, wrong in {
            "under_age": (lived != UNKNOWN) & (lived < least),
            "age_unknown": (lived == UNKNOWN) & required,
        }.items():
            reasons[row[wrong]], allowed[row[wrong]] = reason, False
        table = self.decisions.set_column(1, "allowed", pa.array(allowed))
        return table.set_column(2, "reason", pa.array(reasons, pa.string()))


def _terms(rule: Rule) -> Terms:
    return Terms(rule.lawful_basis, EvidenceGrade(rule.evidence.grade), (rule.validity_days or 0) * DAY)


def _mask(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return np.asarray(array.to_numpy(zero_copy_only=False), bool)
