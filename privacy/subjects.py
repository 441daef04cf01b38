"""People: who is one person, what identifies them, and their names inside.

A person has a `subject_id` (a number, everywhere inside) and a `subject_ref` (a keyed pseudonym, in reports).
Equal e-mail, phone or external id is the same person; where a row ties two known people together, the one with the
smaller id stays and the other is merged into it. Methods take ids of before a merge too, and mean who they are now;
only `seal` and `unseal` take ids as they are, since keys stay with their id.
"""

import hmac
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, func, select

from passerelle.privacy import identifiers, sightings
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.held import CODES, Ints, lists, unpack
from passerelle.privacy.identifiers.spellings import Spellings
from passerelle.privacy.keys import Keyring, Random
from passerelle.privacy.ledger.marks import marks
from passerelle.privacy.opened import Opened
from passerelle.privacy.personal import Personal
from passerelle.privacy.pseudonyms import DIGEST_BYTES, Pseudonyms
from passerelle.privacy.registry import SHARED, Registry
from passerelle.privacy.respelt import Respelt
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import identity, subject, vault
from passerelle.privacy.suppression import Suppression
from passerelle.privacy.vault import Vault
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, Field, SubjectId, SubjectRef

SHARED_LIMIT = 20
"""An identifier seen with more different people than this belongs to none of them."""

_CHUNK = 50_000
_FEW = 500


@final
class Subjects:
    """The people in a store, under its keys."""

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        *,
        shared_limit: int = SHARED_LIMIT,
        random: Random = os.urandom,
        vault_of_people: Vault | None = None,
        spellings: Spellings | None = None,
    ) -> None:
        self._store = store
        self._random = random
        self._pseudonyms = Pseudonyms(keys)
        self._vault = vault_of_people or Vault(store, keys, random=random)
        self._registry = Registry(store, self._vault, self._pseudonyms, shared_limit)
        self._suppression = Suppression(store, keys)
        self._opened = Opened[pa.Table]()
        self._keys = keys
        self._spellings = spellings or Spellings()
        self._respelt = Respelt(store, self._spellings, lambda *asked: self.find_all(asked[0], Field.EMAIL, asked[1]))

    def register(self, connection: Connection, people: Personal, *, now: int) -> pa.Int64Array:
        """Who each row is, made known where new; null where a row has no usable e-mail, phone or external id.

        Columns are `Field` names, each `string` or `list<string>` (best first); later rows are taken for newer.
        The same rows again write nothing. Placeholders ("unknown", "n/a", 0) and identifiers that more than
        `shared_limit` people have tie nobody together and are not held; `shared` counts the latter. People whose
        addresses are slips of each other stay two, and a no of one is a no of both (`respelt`).
        """
        table = people.reveal()
        country = _countries(table)
        seen = sightings.read(table, country, self._pseudonyms, identifiers.canonical)
        found = self._registry.register(connection, seen, country, now=now)
        self._mark_suppressed(connection, seen, found)
        if self._spellings:
            self._respelt.tie(connection, seen.canonical.filter(pa.array(seen.field == CODES[Field.EMAIL])), now=now)
        return found

    def tie_slips(self, connection: Connection, ids: pa.Array, *, now: int) -> None:
        """Tie these people, where an address of theirs is a slip, to whoever has what may be meant."""
        self._respelt.tie(connection, self._respelt.slips(self.held(connection, ids, Field.EMAIL)[1]), now=now)

    def find(self, connection: Connection, field: Field, value: str, country: str | None) -> SubjectId | None:
        """Who has this e-mail, phone or external id."""
        normal = self.canonical(field, [value], [country])
        found = None if normal[0].as_py() is None else self.find_all(connection, field, normal)[0].as_py()
        return None if found is None else SubjectId(found)

    def find_all(self, connection: Connection, field: Field, canonical: pa.StringArray) -> pa.Int64Array:
        """Who has each canonical e-mail, phone or external id; null where nobody has."""
        known = pc.fill_null(canonical, "")
        digests = pa.array(self._pseudonyms.identity(field, known.to_pylist()), pa.binary(DIGEST_BYTES))
        found = self._registry.known(connection, digests.cast(pa.binary()))
        nobody = (found <= SHARED) | ~canonical.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(found, pa.int64(), mask=nobody)

    def by_ref(self, connection: Connection, ref: str) -> SubjectId | None:
        """Who has this pseudonym, or had it before a merge or a rotation of the key."""
        found = self.by_refs(connection, [SubjectRef(ref)])[0]
        return None if found is None else SubjectId(found)

    def by_refs(self, connection: Connection, refs: list[SubjectRef]) -> list[int | None]:
        """Who has each pseudonym, or had it before a merge or a rotation of the key; None where nobody has."""
        meant = func.coalesce(subject.c.merged_into, subject.c.subject_id)
        forms = self._pseudonyms.refs_ever(connection, refs)
        asked = pa.array([form for each in forms for form in each], pa.string())
        with self._store.among(connection, asked) as value:
            wanted = select(subject.c.subject_ref, meant).where(subject.c.subject_ref.in_(select(value)))
            people = {str(row[0]): int(row[1]) for row in connection.execute(wanted)}
        return [next((people[form] for form in each if form in people), None) for each in forms]

    def refs(self, connection: Connection, ids: pa.Array) -> pa.StringArray:
        """The pseudonyms of people; null for ids that nobody has."""
        statement = select(subject.c.subject_id, subject.c.subject_ref)
        return self._column(connection, self.follow(connection, ids), statement)

    def countries(self, connection: Connection, ids: pa.Array) -> pa.StringArray:
        """ISO 3166-1 alpha-2, or null."""
        statement = select(subject.c.subject_id, subject.c.country)
        return self._column(connection, self.follow(connection, ids), statement)

    def follow(self, connection: Connection, ids: pa.Array) -> pa.Int64Array:
        """Who these ids are now."""
        statement = select(subject.c.subject_id, subject.c.merged_into).where(subject.c.merged_into.is_not(None))
        ids = _plain(ids)
        few = self._store.table(connection, statement.limit(_FEW + 1))  # found by an index of the merged
        if few.num_rows > _FEW:
            return pc.coalesce(self._column(connection, ids, statement), ids)
        places = pc.index_in(ids, few["subject_id"].combine_chunks())
        return pc.coalesce(few["merged_into"].combine_chunks().take(places), ids)

    def merges(self, connection: Connection) -> pa.Table:
        """`subject_id` and `merged_into` of everybody who turned out to be somebody else; the latter is final."""
        statement = select(subject.c.subject_id, subject.c.merged_into).where(subject.c.merged_into.is_not(None))
        return self._store.table(connection, statement.order_by(subject.c.subject_id))

    def shared(self, connection: Connection) -> int:
        """How many identifiers were found to be shared by too many people, and link nobody."""
        return connection.scalar(select(func.count()).where(identity.c.subject_id == SHARED)) or 0

    # --- the vault

    def identifiers(self, connection: Connection, ids: pa.Array) -> Personal:
        """What is held of people, aligned with `ids`: a `list<string>` per field, newest first, and `country`.

        A field that nobody has gives no column; null stands for who has none, or was erased.
        """
        ids = _plain(ids)
        parts = [
            self._identifiers(connection, ids.slice(start, _CHUNK)) for start in range(0, max(len(ids), 1), _CHUNK)
        ]
        return Personal(pa.concat_tables(parts, promote_options="default"))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold what was read and opened last, while the block lasts: for platforms that take the same people."""
        with self._vault.holding(), self._opened.holding():
            yield

    def _identifiers(self, connection: Connection, ids: pa.Array) -> pa.Table:
        """A column of lists per field that somebody has, and `country`, aligned with `ids`."""
        state = self._store.state(connection, (subject.name, vault.name)) if self._opened.holds(ids) else None
        found = self._opened.get(ids, state) if state is not None else None
        if found is None:
            today = self.follow(connection, ids)
            country = self._column(connection, today, select(subject.c.subject_id, subject.c.country))
            found = lists(unpack(self._vault.bodies(connection, today)), len(today)).append_column("country", country)
            self._opened.put(ids, state, found)
        return found

    def revisions(self, connection: Connection, ids: pa.Array) -> pa.Int32Array:
        """A number that grows with each change of a person's identifiers; null for who has none."""
        return self._vault.revisions(connection, self.follow(connection, ids))

    def seal(
        self, connection: Connection, ids: pa.Array, payloads: list[bytes], *, use: bytes = b"membership"
    ) -> list[bytes]:
        """Each payload under its person's data key. Opened only with the same id and use."""
        return self._vault.seal(connection, _plain(ids), payloads, use=use)

    def unseal(
        self, connection: Connection, ids: pa.Array, sealed: list[bytes], *, use: bytes = b"membership"
    ) -> list[bytes]:
        """The payloads again. Raises `IntegrityError` where one was changed or its person erased."""
        return self._vault.unseal(connection, _plain(ids), sealed, use=use)

    def marks(self, ids: pa.Array, values: pa.Array) -> pa.Int64Array:
        """What tells whether a person's value (float64, aligned with `ids`) is that of before; see `ledger.marks`."""
        return pa.array(marks(self._keys, ids.to_numpy(zero_copy_only=False), values.to_numpy(zero_copy_only=False)))

    def evidence(self, connection: Connection, ids: pa.Array, signals: list[bytes]) -> list[bytes]:
        """A digest of each raw signal, keyed with its person's audit key: nobody can confirm it once that is gone.

        Raises `IntegrityError` for people without keys.
        """
        keys = self._vault.audit_keys(connection, _plain(ids))
        if None in keys:
            raise IntegrityError("A signal's person has no keys in the vault.")
        pairs = zip(keys, signals, strict=True)
        return [hmac.digest(key or b"", b"evidence\0" + signal, "sha256") for key, signal in pairs]

    # --- leaving

    @property
    def suppression(self) -> Suppression:
        """The fingerprints of erased people's identifiers."""
        return self._suppression

    def family(self, connection: Connection, ids: pa.Array) -> pa.Table:
        """These people and everybody merged into them: `subject_id`, `survivor`, `subject_ref`, `erased_at`."""
        ids = self.follow(connection, ids).unique()
        survivor = func.coalesce(subject.c.merged_into, subject.c.subject_id).label("survivor")
        with self._store.among(connection, ids) as value:
            statement = select(subject.c.subject_id, survivor, subject.c.subject_ref, subject.c.erased_at)
            mine = subject.c.subject_id.in_(select(value)) | subject.c.merged_into.in_(select(value))
            return self._store.table(connection, statement.where(mine).order_by(subject.c.subject_id))

    def hide(self, connection: Connection, ids: pa.Array, *, now: int, counts_from: int, until: int) -> int:
        """Have nobody find these people any more, who are to be erased; how many fingerprints stay of them.

        Their identifiers' digests become fingerprints, kept until `until`; their pseudonyms become random; they count
        as erased. A source that still has them makes a new person, of whom consents after `counts_from` count. What
        was sealed for them stays readable until `forget`, so that they can be taken out of every platform.
        """
        people = self.family(connection, ids)
        survivors = people["survivor"].combine_chunks().unique()
        marks = self._fingerprints(connection, survivors)
        kept = self._suppression.keep(connection, marks, now=counts_from, until=until)
        self._unname(connection, people, now)
        return kept

    def canonical(self, field: Field, values: Sequence[str], countries: Sequence[str | None]) -> pa.StringArray:
        """The form of e-mails, phones or external ids that decides identity; null where one is none."""
        country = pa.array(countries, pa.string())
        return identifiers.canonical(field, pa.array(values, pa.string()), country).value.cast(pa.string())

    def held(self, connection: Connection, ids: pa.Array, field: Field) -> tuple[pa.Int64Array, pa.StringArray]:
        """What the vault holds of people in one identity field, in canonical form: whose (places in `ids`), and what.

        It also knows people whom no digest leads to any more.
        """
        owners, values = self._canonical(connection, ids, field)
        there = values.is_valid()
        return owners.filter(there), values.filter(there)

    def pseudonyms_of(self, connection: Connection, ids: pa.Array) -> tuple[pa.Int64Array, pa.StringArray]:
        """Every `subject_ref` that people's identifiers can have given them: whose (places in `ids`), and today's form.

        Pseudonyms of any time are compared with these by `refs_now`.
        """
        found = [(field, *self.held(connection, ids, field)) for field in IDENTITY_FIELDS]
        refs = [self._pseudonyms.refs(field, values.to_pylist()) for field, _, values in found]
        today = self.refs_now(connection, [ref for each in refs for ref in each])
        return pa.concat_arrays([owners for _, owners, _ in found]), pa.array(today, pa.string())

    def refs_now(self, connection: Connection, refs: list[SubjectRef]) -> list[SubjectRef]:
        """What pseudonyms of any time are today, after rotations of the key."""
        return self._pseudonyms.refs_now(connection, refs)

    def was_erased(self, connection: Connection, field: Field, value: str, country: str | None) -> bool:
        """Whether somebody who was erased had this identifier, as far as fingerprints are still kept."""
        return bool(self.were_erased(connection, field, self.canonical(field, [value], [country]))[0].as_py())

    def were_erased(self, connection: Connection, field: Field, canonical: pa.StringArray) -> pa.BooleanArray:
        """Whether somebody who was erased had each identifier, as far as fingerprints are still kept."""
        known = pc.fill_null(canonical, "")
        marks = self._suppression.fingerprints(field, known)
        return pc.and_(self._suppression.erased_at(connection, marks).is_valid(), canonical.is_valid())

    def forget(self, connection: Connection, ids: pa.Array, *, now: int) -> None:
        """Destroy keys, identifiers and pseudonyms of people and of everybody merged into them.

        What was sealed for them stays unreadable, and leaves about them unlinkable, for ever. The caller has first
        taken them out of every platform. Whoever was hidden before stays erased since then.
        """
        people = self.family(connection, ids)
        everybody = people["subject_id"].to_pylist()
        for start in range(0, len(everybody), _FEW):
            few = everybody[start : start + _FEW]
            self._store.delete(connection, vault, vault.c.subject_id.in_(few))
        self._unname(connection, people, now)
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": list(everybody),
            "country": [None] * len(everybody),
            "created_at": pc.fill_null(people["erased_at"], now).to_pylist(),  # since when they were known is gone, too
            "suppressed_at": [None] * len(everybody),
        }
        self._store.update(connection, subject, rows)

    def audit_keys(self, connection: Connection, ids: pa.Array) -> list[bytes | None]:
        """The keys that open these people's leaves, ids taken as they are; None for who has none any more."""
        return self._vault.audit_keys(connection, _plain(ids))

    def _unname(self, connection: Connection, people: pa.Table, now: int) -> None:
        """Random pseudonyms and no digest; `people` is a `family`."""
        everybody = people["subject_id"].to_pylist()
        for start in range(0, len(everybody), _FEW):
            few = everybody[start : start + _FEW]
            self._store.delete(connection, identity, identity.c.subject_id.in_(few))
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": list(everybody),
            "subject_ref": ["e1" + self._random(16).hex() for _ in everybody],
            "erased_at": pc.fill_null(people["erased_at"], now).to_pylist(),
        }
        self._store.update(connection, subject, rows)

    def _canonical(self, connection: Connection, ids: pa.Array, field: Field) -> tuple[pa.Array, pa.Array]:
        """What the vault holds of one field, in its canonical form: whose (a place in `ids`), and the value or null."""
        held = self.identifiers(connection, ids).reveal()
        if field.value not in held.column_names:
            return pa.array([], pa.int64()), pa.array([], pa.string())
        values = held[field.value].combine_chunks()
        owners = pc.list_parent_indices(values).cast(pa.int64())
        country = held["country"].combine_chunks().take(owners)
        return owners, identifiers.canonical(field, pc.list_flatten(values), country).value.cast(pa.string())

    def _fingerprints(self, connection: Connection, ids: pa.Array) -> pa.Array:
        made = []
        for field in IDENTITY_FIELDS:
            values = self.held(connection, ids, field)[1]
            made.append(self._suppression.fingerprints(field, values))
        return pa.concat_arrays(made)

    def _mark_suppressed(self, connection: Connection, seen: sightings.Sightings, found: pa.Int64Array) -> None:
        """People with an identifier of somebody who was erased: only a consent given later than that counts."""
        if not len(seen.digest) or not self._suppression.any(connection):
            return
        erased_at = np.zeros(len(seen.digest), np.int64)
        for field in IDENTITY_FIELDS:
            codes = np.flatnonzero(seen.field == CODES[field])
            marks = self._suppression.fingerprints(field, seen.canonical.take(pa.array(codes)))
            known = self._suppression.erased_at(connection, marks)
            erased_at[codes] = pc.fill_null(known, 0).to_numpy(zero_copy_only=False)
        if self._spellings:
            self._as_written_otherwise(connection, seen, erased_at)
        of_row = np.zeros(seen.rows, np.int64)
        np.maximum.at(of_row, seen.row, erased_at[seen.code])
        here = (of_row > 0) & found.is_valid().to_numpy(zero_copy_only=False)
        people = pc.fill_null(found, 0).to_numpy()[here]
        self._suppress(connection, people, of_row[here])

    def _as_written_otherwise(self, connection: Connection, seen: sightings.Sightings, erased_at: Ints) -> None:
        """Who was erased under another spelling was erased: raises `erased_at`, per code, in place."""
        codes = np.flatnonzero(seen.field == CODES[Field.EMAIL])
        place, others = self._spellings.others(seen.canonical.take(pa.array(codes)))
        known = self._suppression.erased_at(connection, self._suppression.fingerprints(Field.EMAIL, others))
        np.maximum.at(erased_at, codes[place], pc.fill_null(known, 0).to_numpy(zero_copy_only=False))

    def _suppress(self, connection: Connection, people: Ints, since: Ints) -> None:
        ids, place = np.unique(people, return_inverse=True)
        latest = np.zeros(len(ids), np.int64)
        np.maximum.at(latest, place, since)
        if not len(ids):
            return
        had = self._column(connection, pa.array(ids), select(subject.c.subject_id, subject.c.suppressed_at))
        newer = latest > pc.fill_null(had, 0).to_numpy(zero_copy_only=False)
        rows = {"subject_id": pa.array(ids[newer]), "suppressed_at": pa.array(latest[newer])}
        self._store.update(connection, subject, rows)

    def _column(self, connection: Connection, ids: pa.Array, statement: Select[tuple[int, object]]) -> pa.Array:
        """The second column of `statement` for each id, by the first; null where there is no row."""
        ids = _plain(ids)
        if len(ids) > _CHUNK:  # then whoever stands between them is read, too: that is quicker than to look each up
            ends = pc.min_max(ids).as_py()
            between = subject.c.subject_id.between(ends["min"], ends["max"])
            rows = self._store.table(connection, statement.where(between))
        else:
            with self._store.among(connection, ids) as value:
                rows = self._store.table(connection, statement.where(subject.c.subject_id.in_(select(value))))
        places = pc.index_in(ids, rows.column(0).combine_chunks())
        return rows.column(1).combine_chunks().take(places)


def _plain(ids: pa.Array | pa.ChunkedArray) -> pa.Int64Array:
    flat = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    return flat.cast(pa.int64())


def _countries(table: pa.Table) -> pa.StringArray:
    if Field.COUNTRY.value not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    return identifiers.country_codes(table[Field.COUNTRY.value])
