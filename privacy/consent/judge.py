"""Decides: who the people are, which rules cover them, what was heard of them, and how old they are. Writes nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.consent import decisions as kept_decisions
from passerelle.privacy.consent.ages import UNKNOWN, ages, next_birthday
from passerelle.privacy.consent.history import EVERYTHING, Horizon, history
from passerelle.privacy.consent.kin import kin, survivors
from passerelle.privacy.consent.notice import Version
from passerelle.privacy.consent.policy import Policy, Rule
from passerelle.privacy.consent.resolve import (
    DAY,
    FOREVER,
    NEVER,
    NO_JURISDICTION,
    NO_RULE,
    NO_STOP,
    People,
    Terms,
    Told,
    resolved,
    stop_code,
)
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, EvidenceGrade, Purpose

Ints = npt.NDArray[np.int64]

_SCAN_FROM = 20_000
"""From so many people on, reading everybody is cheaper than looking each one up."""

_AT_ONCE = 1_000_000
"""How many people are judged at once: bounds memory."""


class Identities(Protocol):
    """People, as far as the gate asks (`privacy.subjects.Subjects` does)."""

    def identifiers(self, connection: Connection, ids: pa.Array) -> Personal:
        """Rows aligned with `ids`."""
        ...

    def revisions(self, connection: Connection, ids: pa.Array) -> pa.Array:
        """int32, aligned with `ids`."""
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges by one policy, the notices that `versions` yields, and what is known within the horizon."""

    store: Store
    subjects: Identities
    policy: Policy
    versions: Callable[[Connection], Mapping[str, Version]]
    horizon: Horizon = field(default=EVERYTHING)

    def decide(
        self, connection: Connection, subject_ids: pa.Array, purpose: Purpose, destination: Destination, *, at: int
    ) -> pa.Table:
        """A decision per row of `subject_ids`, in its order; see `Gate.decide`."""
        return self.foresee(connection, subject_ids, purpose, destination, at=at).decisions

    def foresee(
        self, connection: Connection, subject_ids: pa.Array, purpose: Purpose, destination: Destination, *, at: int
    ) -> "Outlook":
        """The same, and for how long it holds; see `Gate.foresee`."""
        kin_of = kin(self.store, connection, until=self.horizon.heard_until)
        today = survivors(np.asarray(subject_ids.to_numpy()), kin_of)
        ids = np.unique(today)
        parts = [
            self._decided(
                connection, ids[start : start + _AT_ONCE], purpose, destination, at=at, part=len(ids) > _AT_ONCE
            )
            for start in range(0, max(len(ids), 1), _AT_ONCE)
        ]
        rows = pa.concat_tables([part.decisions for part in parts]).take(pa.array(np.searchsorted(ids, today)))
        return Outlook(
            rows.set_column(0, "subject_id", subject_ids),
            min(part.holds_until for part in parts),
            any(part.aged for part in parts),
        )

    def _decided(
        self, connection: Connection, ids: Ints, purpose: Purpose, destination: Destination, *, at: int, part: bool
    ) -> "Outlook":
        """Decisions on `ids` (survivors, ascending, distinct), which are all or `part` of those asked about."""
        judged = self.judged(connection, ids, purpose, destination, at=at, part=part)
        if not judged.asks_age:
            return Outlook(judged.decisions, judged.holds_until, aged=False)
        seen = kept_decisions.vouched(
            self.store, connection, policy=self.policy.digest, purpose=purpose, platform=destination
        )
        unseen = judged.to_be_aged()
        unseen = unseen.filter(pc.invert(pc.is_in(unseen, seen)))
        decided = judged.with_ages(unseen, ages(self.subjects.identifiers(connection, unseen), at=at))
        return Outlook(decided, min(judged.holds_until, next_birthday(at)), aged=True)

    def judged(
        self,
        connection: Connection,
        ids: Ints,
        purpose: Purpose,
        destination: Destination,
        *,
        at: int,
        part: bool = False,
    ) -> "Judged":
        """Decide on `ids` (survivors, ascending, distinct), but for their ages."""
        people, rules = self._people(connection, ids, purpose, destination)
        heard = history(self.store, connection, pa.array(ids), purpose, horizon=self.horizon, part=part)
        terms = [_terms(rule) for rule in rules]
        told = self._told(connection, purpose, destination)
        found = resolved(people, heard, terms, told, recipient=destination.value, at=at, relaxed=self.policy.relaxed)
        return Judged(found.decisions, rules, people.terms, found.holds_until)

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
        return People(ids, by_country[which], stop, self._suppressed(held).take(_ints(place))), rules

    def _suppressed(self, held: pa.Table) -> Ints:
        """Since when each row's person is suppressed, and `NEVER` for nobody."""
        since = np.asarray(pc.fill_null(held["suppressed_at"], NEVER).to_numpy())
        return np.append(np.where(since <= self.horizon.heard_until, since, NEVER), NEVER)

    def _held(self, connection: Connection, ids: pa.Array) -> pa.Table:
        columns = select(*(t.subject.c[name] for name in ("subject_id", "country", "erased_at", "suppressed_at")))
        if len(ids) >= _SCAN_FROM:
            return self.store.table(connection, columns)
        with self.store.among(connection, ids) as chosen:
            return self.store.table(connection, columns.where(t.subject.c.subject_id.in_(select(chosen))))

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
            for reference, version in self.versions(connection).items()
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """Decisions, and the instant before which none of them changes by itself. `aged`: whether a rule asked for ages."""

    decisions: pa.Table
    holds_until: int
    aged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Decisions in the order of their ids, with the place of each person's rule among `rules` (negative: none)."""

    decisions: pa.Table
    rules: Sequence[Rule]
    places: Ints
    holds_until: int
    """The instant before which none of it changes by itself, but for ages."""

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


def _ints(places: pa.Array) -> Ints:
    """Places, -1 for null."""
    return np.asarray(pc.fill_null(places, -1).to_numpy(zero_copy_only=False), np.int64)
