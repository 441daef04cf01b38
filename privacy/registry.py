"""The registry of people: one registration, from sightings to rows. `Subjects` is the door to it."""

from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from passerelle.privacy.held import CODES, Held, Ints, distinct, pack, together, unpack
from passerelle.privacy.linkage import Mask, chains, components, partners
from passerelle.privacy.pseudonyms import Pseudonyms
from passerelle.privacy.sightings import Sightings
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import identity, subject
from passerelle.privacy.vault import Vault
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, SubjectRef

SHARED = 0
"""In `identity`: so many people have this identifier that it links nobody. No person has this id."""

_UNKNOWN = -1
_CHUNK = 50_000
_LOOKUP = 200_000
_SECOND = 1_000_000


@final
@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """Who is who after a batch."""

    before: Ints
    """Per code, before this batch: a person, 0 shared, -1 unknown."""
    owner: Ints
    """Per code, after it: a person, or 0 where the code links nobody."""
    fresh: Ints
    """New people's ids, without a gap."""
    named_by: Ints
    """Aligned with `fresh`: the code that gives the person's pseudonym."""
    losers: Ints
    """Known people who turned out to be somebody else …"""
    winners: Ints
    """… aligned with them: that one, who has the smaller id."""


def link(seen: Sightings, before: Ints, shared: Mask, next_id: int) -> Linked:
    """Find the people of a batch: the partition does not depend on the order of rows, new people's numbers do."""
    usable = ~shared
    kept = usable[seen.code]
    row, code = seen.row[kept], seen.code[kept]
    tied = np.flatnonzero(usable & (before > SHARED))
    left, right = chains(before[tied])
    rows_left, rows_right = chains(row)
    label = components(
        len(before), np.concatenate([tied[left], code[rows_left]]), np.concatenate([tied[right], code[rows_right]])
    )
    nobody = np.iinfo(np.int64).max
    person = np.full(len(before), nobody)
    np.minimum.at(person, label[tied], before[tied])
    # New people are numbered as they first appear; the pseudonym comes from the best identifier of that first row.
    labels, first = np.unique(label[code], return_index=True)
    unknown = person[labels] == nobody
    order = np.argsort(first[unknown], kind="stable")
    named_by = code[first[unknown][order]]
    fresh = np.arange(next_id, next_id + len(named_by))
    person[labels[unknown][order]] = fresh
    owner = np.where(usable, person[label], SHARED)
    pairs = np.unique(np.stack([before[tied], owner[tied]]), axis=1)
    lost = pairs[0] != pairs[1]
    return Linked(before, owner, fresh, named_by, pairs[0][lost], pairs[1][lost])


class Registry:
    """Writes registrations, each in its caller's transaction."""

    def __init__(self, store: Store, accounts: Vault, pseudonyms: Pseudonyms, shared_limit: int) -> None:
        self._store = store
        self._vault = accounts
        self._pseudonyms = pseudonyms
        self._shared_limit = shared_limit

    def register(self, connection: Connection, seen: Sightings, country: pa.StringArray, *, now: int) -> pa.Int64Array:
        """One person per row, null where nothing identifies anybody."""
        before, stored = self._before(connection, seen.digest)
        shared = self._shared(connection, seen, before)
        linked = link(seen, before, shared, self._next_id(connection))
        people = _people_of_rows(seen, linked)
        homes = _homes(people, country)
        self._write_people(connection, seen, linked, homes, now)
        self._write_identities(connection, stored, linked)
        self._write_merges(connection, linked, now)
        moved = self._write_moves(connection, homes, before=_first(linked))
        self._write_bodies(connection, linked, _entries(seen, linked, people, now // _SECOND), moved)
        return pa.array(people, mask=people == SHARED)

    def known(self, connection: Connection, digests: pa.Array) -> Ints:
        """Per first digest: who has it, 0 where it is shared, -1 where nobody has."""
        return self._before(connection, digests)[0]

    def _before(self, connection: Connection, digests: pa.Array) -> tuple[Ints, pa.Array]:
        """Who has each first digest, and the form in which it stands in the store, or would now."""
        current, *older = self._pseudonyms.digests.forms(connection, digests)
        found, stored = self._owners(connection, current), current
        for form in older:  # only while a rotation is under way
            missing = np.flatnonzero(found == _UNKNOWN)
            owners = self._owners(connection, form.take(pa.array(missing)))
            found[missing] = owners
            there = np.zeros(len(found), np.bool_)
            there[missing] = owners != _UNKNOWN
            stored = pc.if_else(pa.array(there), form, stored)
        return found, stored

    def _owners(self, connection: Connection, digests: pa.Array) -> Ints:
        """Per digest as it is stored: who has it, 0 where it is shared, -1 where nobody has."""
        found = np.full(len(digests), _UNKNOWN, np.int64)
        if not len(digests) or connection.execute(select(identity.c.digest).limit(1)).first() is None:
            return found
        order = pc.sort_indices(digests).to_numpy()
        for start in range(0, len(order), _LOOKUP):
            places = order[start : start + _LOOKUP]
            wanted = digests.take(pa.array(places))
            with self._store.among(connection, wanted) as value:
                statement = select(identity.c.digest, identity.c.subject_id)
                rows = self._store.table(connection, statement.where(identity.c.digest.in_(select(value))))
            at = pc.index_in(wanted, rows["digest"].combine_chunks())
            found[places] = rows["subject_id"].combine_chunks().take(at).fill_null(_UNKNOWN).to_numpy()
        return found

    def _next_id(self, connection: Connection) -> int:
        return (connection.scalar(select(func.max(subject.c.subject_id))) or 0) + 1

    def _shared(self, connection: Connection, seen: Sightings, before: Ints) -> Mask:
        """Codes that link nobody from now on, since they stand beside too many different identifiers of one kind."""
        shared: Mask = before == SHARED
        often = np.bincount(seen.code, minlength=len(before)) > self._shared_limit
        crowded = self._crowded(connection, seen, before)
        candidates = (often | crowded) & ~shared
        if not candidates.any():
            return shared
        usable = ~shared[seen.code]
        beside = partners(seen.row[usable], seen.code[usable], seen.field, candidates)
        return shared | (beside > self._shared_limit) | (crowded & (beside > 0))

    def _crowded(self, connection: Connection, seen: Sightings, before: Ints) -> Mask:
        """Codes of people with more identifiers than that many people have, where a row would add one more."""
        news = _beside_others(seen, before)
        people = np.unique(before[news & (before > SHARED)])
        if not len(people):
            return np.zeros(len(before), np.bool_)
        with self._store.among(connection, pa.array(people)) as value:
            statement = (
                select(identity.c.subject_id)
                .where(identity.c.subject_id.in_(select(value)))
                .group_by(identity.c.subject_id)
                .having(func.count() > self._shared_limit * len(IDENTITY_FIELDS))
            )
            crowded = [row.subject_id for row in connection.execute(statement)]
        return news & np.isin(before, crowded)

    def _write_people(
        self, connection: Connection, seen: Sightings, linked: Linked, homes: tuple[Ints, pa.Array], now: int
    ) -> None:
        if not len(linked.fresh):
            return
        refs: dict[int, SubjectRef] = {}
        for field in IDENTITY_FIELDS:
            codes = linked.named_by[seen.field[linked.named_by] == CODES[field]]
            names = self._pseudonyms.refs(field, seen.canonical.take(pa.array(codes)).to_pylist())
            refs.update(zip(codes.tolist(), names, strict=True))
        ids = pa.array(linked.fresh)
        today = self._pseudonyms.refs_now(connection, [refs[code] for code in linked.named_by.tolist()])
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": ids,
            "subject_ref": list(today),
            "country": homes[1].take(pc.index_in(ids, pa.array(homes[0]))),
            "created_at": [now] * len(ids),
        }
        self._store.insert(connection, subject, rows)

    def _write_identities(self, connection: Connection, stored: pa.Array, linked: Linked) -> None:
        """New digests, and those that turned out to be shared. In the order of the digests: their tree likes it."""
        fresh = np.flatnonzero(linked.before == _UNKNOWN)
        lost = np.flatnonzero((linked.before > SHARED) & (linked.owner == SHARED))
        generation = self._pseudonyms.digests.standing(connection).current
        for codes, write in ((fresh, self._store.insert), (lost, self._store.update)):
            digests = stored.take(pa.array(codes))
            order = pc.sort_indices(digests)
            rows = {"digest": digests.take(order), "subject_id": pa.array(linked.owner[codes]).take(order)}
            if codes is fresh:
                rows["generation"] = pa.array(np.full(len(codes), generation))
            write(connection, identity, rows)

    def _write_merges(self, connection: Connection, linked: Linked, now: int) -> None:
        losers, winners = pa.array(linked.losers), pa.array(linked.winners)
        if not len(losers):
            return
        with self._store.among(connection, losers) as lost:
            mine = select(identity.c.digest, identity.c.subject_id).where(identity.c.subject_id.in_(select(lost)))
            digests = self._store.table(connection, mine)
            before = select(subject.c.subject_id, subject.c.merged_into).where(subject.c.merged_into.in_(select(lost)))
            earlier = self._store.table(connection, before)
        owners = winners.take(pc.index_in(digests["subject_id"].combine_chunks(), losers))
        self._store.update(connection, identity, {"digest": digests["digest"], "subject_id": owners})
        ends = winners.take(pc.index_in(earlier["merged_into"].combine_chunks(), losers))
        self._store.update(connection, subject, {"subject_id": earlier["subject_id"], "merged_into": ends})
        rows = {"subject_id": losers, "merged_into": winners, "merged_at": [now] * len(losers)}
        self._store.update(connection, subject, rows)
        self._house(connection, losers, winners)
        self._remember_erasure(connection, losers, winners)

    def _remember_erasure(self, connection: Connection, losers: pa.Array, winners: pa.Array) -> None:
        """Who turns out to be somebody with an erased person's identifier has one, too: the later time counts."""
        everybody = pc.unique(pa.concat_arrays([losers, winners]))
        with self._store.among(connection, everybody) as value:
            statement = select(subject.c.subject_id, subject.c.suppressed_at)
            marked = statement.where(subject.c.subject_id.in_(select(value)), subject.c.suppressed_at.is_not(None))
            rows = self._store.table(connection, marked)
        if not rows.num_rows:
            return
        ids, since = rows["subject_id"].combine_chunks(), rows["suppressed_at"].combine_chunks()
        theirs, mine = since.take(pc.index_in(losers, ids)), since.take(pc.index_in(winners, ids))
        latest = pa.table({"winner": winners, "since": pc.max_element_wise(theirs, mine)})
        latest = latest.filter(latest["since"].is_valid()).group_by("winner").aggregate([("since", "max")])
        self._store.update(connection, subject, {"subject_id": latest["winner"], "suppressed_at": latest["since_max"]})

    def _house(self, connection: Connection, losers: pa.Array, winners: pa.Array) -> None:
        """Who has no country takes that of the first of their other selves who has one."""
        everybody = pc.unique(pa.concat_arrays([losers, winners]))
        with self._store.among(connection, everybody) as value:
            statement = select(subject.c.subject_id, subject.c.country).where(subject.c.subject_id.in_(select(value)))
            rows = self._store.table(connection, statement.where(subject.c.country.is_not(None)))
        housed = rows["subject_id"].combine_chunks()
        found = pc.and_(pc.is_in(losers, housed), pc.invert(pc.is_in(winners, housed)))
        losers, winners = losers.filter(found), winners.filter(found)
        homeless = pc.unique(winners)
        theirs = losers.take(pc.index_in(homeless, winners))
        country = rows["country"].combine_chunks().take(pc.index_in(theirs, housed))
        self._store.update(connection, subject, {"subject_id": homeless, "country": country})

    def _write_moves(self, connection: Connection, homes: tuple[Ints, pa.Array], *, before: int) -> Ints:
        """Countries of people known before (by an id below `before`) who had another or none; who they are."""
        known = int(np.searchsorted(homes[0], before))
        people, countries = homes[0][:known], homes[1][:known]
        if not len(people):
            return people
        with self._store.among(connection, pa.array(people)) as value:
            statement = select(subject.c.subject_id, subject.c.country)
            rows = self._store.table(connection, statement.where(subject.c.subject_id.in_(select(value))))
        had = rows["country"].combine_chunks().take(pc.index_in(pa.array(people), rows["subject_id"].combine_chunks()))
        moved = pc.fill_null(pc.not_equal(had, countries), True).to_numpy(zero_copy_only=False)
        changed = pa.array(people[moved])
        self._store.update(connection, subject, {"subject_id": changed, "country": countries.filter(pa.array(moved))})
        changed_ids: Ints = people[moved]
        return changed_ids

    def _write_bodies(self, connection: Connection, linked: Linked, entries: Held, moved: Ints) -> None:
        first_new = _first(linked)
        split = int(np.searchsorted(entries.person, first_new))
        old = entries.slice(0, split)
        touched = np.unique(np.concatenate([old.person, linked.winners, moved]))
        touched = touched[touched < first_new]
        for start in range(0, len(touched), _CHUNK):
            people = touched[start : start + _CHUNK]
            self._change_bodies(connection, linked, people, _within(old, people[0], people[-1]), moved)
        for start in range(0, len(linked.fresh), _CHUNK):
            people = linked.fresh[start : start + _CHUNK]
            mine = _within(entries, people[0], people[-1])
            held = distinct(mine.of(mine.person - people[0])).in_order()
            self._vault.open_accounts(connection, people.tolist(), pack(held, len(people)))

    def _change_bodies(self, connection: Connection, linked: Linked, people: Ints, news: Held, moved: Ints) -> None:
        """Unite what people held with what is new and with what their other selves held; write who changed."""
        ids = pa.array(people)
        held = unpack(self._vault.bodies(connection, ids))
        merged = np.isin(linked.winners, people)
        losers, winners = linked.losers[merged], linked.winners[merged]
        theirs = unpack(self._vault.bodies(connection, pa.array(losers)))
        parts = [
            held,
            theirs.of(np.searchsorted(people, winners[theirs.person])),
            news.of(np.searchsorted(people, news.person)),
        ]
        united = distinct(together(parts))
        before, after = (np.bincount(part.person, minlength=len(people)) for part in (held, united))
        grown = (after > before) | np.isin(people, winners)
        if grown.any():
            bodies = pack(united.in_order(), len(people))
            changed = pa.array(people[grown])
            self._vault.replace_bodies(connection, changed, [bodies[at] for at in np.flatnonzero(grown)])
            self._vault.replace_bodies(connection, pa.array(losers), [b""] * len(losers))
        self._vault.count_revision(connection, people[grown | np.isin(people, moved)], losers, winners)


def _first(linked: Linked) -> int:
    """The smallest id of the new people."""
    return int(linked.fresh[0]) if len(linked.fresh) else np.iinfo(np.int64).max


def _people_of_rows(seen: Sightings, linked: Linked) -> Ints:
    people = np.zeros(seen.rows, np.int64)
    owner = linked.owner[seen.code]
    np.maximum.at(people, seen.row, owner)  # all usable codes of a row have the same owner; 0 for the others
    return people


def _homes(people: Ints, country: pa.StringArray) -> tuple[Ints, pa.Array]:
    """People of whom a row names the country, rising, and that country: the last row's."""
    encoded = pc.dictionary_encode(country)
    here = np.flatnonzero((people != SHARED) & country.is_valid().to_numpy(zero_copy_only=False))
    ids, place = np.unique(people[here], return_inverse=True)
    last = np.zeros(len(ids), np.int64)
    last[place] = encoded.indices.take(pa.array(here)).to_numpy()
    return ids, encoded.dictionary.take(pa.array(last))


def _beside_others(seen: Sightings, before: Ints) -> Mask:
    """Codes that stand in a row with a code that is not the same person's yet."""
    owner = before[seen.code]
    low = np.full(seen.rows, np.iinfo(np.int64).max)
    high = np.full(seen.rows, np.iinfo(np.int64).min)
    usable = owner != SHARED
    np.minimum.at(low, seen.row[usable], owner[usable])
    np.maximum.at(high, seen.row[usable], owner[usable])
    mixed = np.zeros(len(before), np.bool_)
    mixed[seen.code[usable & (low[seen.row] != high[seen.row])]] = True
    return mixed


def _entries(seen: Sightings, linked: Linked, people: Ints, second: int) -> Held:
    """What the vault is to hold anew, by person; what later rows say stands first."""
    codes = np.flatnonzero((linked.before == _UNKNOWN) & (linked.owner != SHARED))
    last = np.zeros(len(linked.owner), np.int64)
    np.maximum.at(last, seen.code, seen.row)
    mine = Held(linked.owner[codes], seen.field[codes], codes, seen.kept.take(pa.array(codes)))
    known = np.flatnonzero(people[seen.other.person] != SHARED)
    other = seen.other.take(known)
    row = np.concatenate([last[codes], other.person])
    held = together([mine, other.of(people[other.person])])
    held = held.take(np.lexsort((-row, held.person)))
    return held.at(second)


def _within(entries: Held, first: int, last: int) -> Held:
    start, end = np.searchsorted(entries.person, [first, last + 1])
    return entries.slice(int(start), int(end))
