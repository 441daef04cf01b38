import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store, writing
from passerelle.privacy.store.tables import identity, subject, vault
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Field
from tests.privacy.store.stores import KINDS, fresh_store

NOW = 1_763_700_000_000_000
SECOND = 1_000_000


class Registered:
    """An open write on a fresh store, and short ways to say things to it."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store = store
        self.subjects = Subjects(store, Keyring(bytes(32)))
        self.connection = connection
        self.clock = NOW

    def register(self, **columns: Sequence[object]) -> list[int | None]:
        self.clock += SECOND
        people = Personal(pa.table({name: pa.array(values) for name, values in columns.items()}))
        found: list[int | None] = self.subjects.register(self.connection, people, now=self.clock).to_pylist()
        return found

    def held(self, *ids: int) -> dict[str, list[object]]:
        table = self.subjects.identifiers(self.connection, pa.array(ids)).reveal()
        return {name: table[name].to_pylist() for name in table.column_names}

    def revisions(self, *ids: int) -> list[int]:
        found: list[int] = self.subjects.revisions(self.connection, pa.array(ids)).to_pylist()
        return found

    def everything(self) -> list[object]:
        return [self.connection.execute(select(table)).all() for table in (subject, identity, vault)]


@pytest.fixture(params=KINDS)
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registered]:
    for store in fresh_store(request.param, tmp_path):
        with store.write() as connection:
            yield Registered(store, connection)


def test_equal_identifiers_are_one_person_however_written(book: Registered) -> None:
    ids = book.register(
        email=["zoe@example.fr", " ZOE@Example.fr ", None, None, None],
        phone=[None, "06 12 34 56 78", "+33612345678", None, None],
        external_id=[None, None, None, "C1", "C2"],
        country=["FR"] * 5,
    )
    assert ids == [1, 1, 1, 2, 3]


def test_a_row_that_names_nobody_gets_nobody(book: Registered) -> None:
    assert book.register(email=["not an e-mail", None, ""], first_name=["Zoé", "Zoé", "Zoé"]) == [None, None, None]
    assert book.everything() == [[], [], []]


def test_names_and_cities_never_tie_people_together(book: Registered) -> None:
    assert book.register(external_id=["A", "B"], first_name=["Zoé", "Zoé"], city=["Lille", "Lille"]) == [1, 2]


def test_the_same_rows_again_write_nothing(book: Registered) -> None:
    rows: dict[str, Sequence[object]] = {
        "email": ["a@example.fr", "b@example.fr"],
        "first_name": ["Zoé", " zoé "],
        "city": [["Lille", "Évry"], ["Paris"]],
        "country": ["FR", "Belgique"],
    }
    first = book.register(**rows)
    before = book.everything()
    assert book.register(**rows) == first
    assert book.register(email=["B@example.fr"]) == [2]
    assert book.everything() == before


def test_revision_grows_with_each_change_and_only_then(book: Registered) -> None:
    book.register(external_id=["A", "B"], first_name=["Zoé", "Bob"], country=["FR", "FR"])
    assert book.revisions(1, 2) == [1, 1]
    book.register(external_id=["A"], first_name=["Zoë"])
    assert book.revisions(1, 2) == [2, 1]
    book.register(external_id=["B"], country=["BE"])
    assert book.revisions(1, 2) == [2, 2]
    book.register(external_id=["B"], email=["b@example.fr"])
    assert book.revisions(1, 2) == [2, 3]


def test_every_identifier_is_kept_newest_first(book: Registered) -> None:
    book.register(external_id=["A"], email=["old@example.fr"], last_name=["Durand"], country=["FR"])
    book.register(external_id=["A"], email=["new@example.fr"], last_name=["Martin"])
    book.register(external_id=["A", "A"], phone=["0612345678", "0612345679"], country=["FR", "FR"])
    assert book.held(1) == {
        "external_id": [["A"]],
        "email": [["new@example.fr", "old@example.fr"]],
        "phone": [["+33612345679", "+33612345678"]],
        "last_name": [["Martin", "Durand"]],
        "country": ["FR"],
    }


def test_a_merge_keeps_the_smaller_id_and_everything_held(book: Registered) -> None:
    book.register(external_id=["A", "B", "C"], first_name=["Ann", "Bob", "Cy"], country=[None, "FR", "BE"])
    before = book.subjects.refs(book.connection, pa.array([1, 2, 3])).to_pylist()
    assert book.register(external_id=[["C", "B"]], email=["bc@example.fr"]) == [2]
    assert book.subjects.merges(book.connection).to_pydict() == {"subject_id": [3], "merged_into": [2]}
    assert book.register(email=["bc@example.fr"], external_id=["A"]) == [1]
    assert book.subjects.merges(book.connection).to_pydict() == {"subject_id": [2, 3], "merged_into": [1, 1]}
    held = book.held(3, 1)
    assert held["external_id"][0] == held["external_id"][1]
    assert sorted(held["external_id"][0]) == ["A", "B", "C"]  # type: ignore[call-overload]
    assert sorted(held["first_name"][0]) == ["Ann", "Bob", "Cy"]  # type: ignore[call-overload]
    assert held["country"] == ["FR", "FR"]
    assert [book.subjects.by_ref(book.connection, ref) for ref in before] == [1, 1, 1]
    assert book.subjects.refs(book.connection, pa.array([3, 2])).to_pylist() == before[:1] * 2
    assert book.revisions(1, 2, 3) == [3, 3, 3]


def test_a_merge_inside_the_batch_that_meets_both(book: Registered) -> None:
    book.register(external_id=["A", "B"])
    ids = book.register(external_id=["B", "A", "N"], email=["x@example.fr", "x@example.fr", "y@example.fr"])
    assert ids == [1, 1, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("external_id", "0"),
        ("external_id", "unknown"),
        ("external_id", "N/A"),
        ("external_id", "Anonyme"),
        ("external_id", "00000000-0000-0000-0000-000000000000"),
        ("email", "noemail@shop.example"),
        ("email", "Pas-de-mail@shop.example"),
        ("email", "Guest@shop.example"),
        ("phone", "06 00 00 00 00"),
    ],
)
def test_placeholders_glue_nobody_together(book: Registered, field: str, value: str) -> None:
    key = "email" if field != "email" else "external_id"
    keys = ["a@example.fr", "b@example.fr"] if key == "email" else ["A", "B"]
    assert book.register(**{key: keys, field: [value, value], "country": ["FR", "FR"]}) == [1, 2]
    assert field not in book.held(1)


def test_somebody_at_an_address_that_stands_for_nobody_is_known_by_the_rest_and_by_it_alone_not_at_all(
    book: Registered,
) -> None:
    """See docs/decisions/0017-addresses-that-stand-for-nobody.md."""
    assert book.register(external_id=["C1"], email=["guest@family.example"]) == [1]
    assert book.register(email=["guest@family.example"]) == [None]
    assert book.register(email=["guest.martin@family.example", "guestbook@family.example"]) == [2, 3]


def test_an_identifier_that_too_many_share_stops_linking_and_is_counted(book: Registered) -> None:
    emails = [f"p{number}@example.fr" for number in range(21)]
    phones, country = ["0612345678"] * 21, ["FR"] * 21
    assert book.register(email=emails, phone=phones, country=country) == list(range(1, 22))
    assert book.subjects.shared(book.connection) == 1
    assert "phone" not in book.held(*range(1, 22))
    assert book.register(phone=["0612345678"], country=["FR"]) == [None]
    assert book.register(email=["new@example.fr"], phone=["0612345678"], country=["FR"]) == [22]
    assert book.subjects.find(book.connection, Field.PHONE, "0612345678", "FR") is None


def test_an_identifier_that_a_few_share_links(book: Registered) -> None:
    emails = [f"p{number}@example.fr" for number in range(20)]
    assert set(book.register(email=emails, phone=["0612345678"] * 20, country=["FR"] * 20)) == {1}


def test_a_crowd_that_comes_one_by_one_is_noticed_too(book: Registered) -> None:
    book.subjects = Subjects(book.store, Keyring(bytes(32)), shared_limit=4)
    found = [
        book.register(email=[f"p{number}@example.fr"], phone=["0612345678"], country=["FR"])[0] for number in range(14)
    ]
    assert found[0] == found[10] == 1
    assert found[-2] != found[-1]
    assert book.subjects.shared(book.connection) == 1


def test_a_person_is_found_by_any_identifier_ever_held(book: Registered) -> None:
    book.register(external_id=["A"], email=["old@example.fr"])
    book.register(external_id=["A"], email=["new@example.fr"])
    for value in ("old@example.fr", "NEW@example.fr "):
        assert book.subjects.find(book.connection, Field.EMAIL, value, None) == 1
    assert book.subjects.find(book.connection, Field.EMAIL, "who@example.fr", None) is None
    assert book.subjects.find(book.connection, Field.EMAIL, "nonsense", None) is None
    assert book.subjects.find(book.connection, Field.EXTERNAL_ID, "old@example.fr", None) is None
    assert book.subjects.by_ref(book.connection, "s1" + "0" * 32) is None


def test_what_is_sealed_opens_for_the_same_person_only(book: Registered) -> None:
    book.register(external_id=["A", "B"])
    ids = pa.array([2, 1, 2])
    sealed = book.subjects.seal(book.connection, ids, [b"x", b"y", b"z"])
    assert book.subjects.unseal(book.connection, ids, sealed) == [b"x", b"y", b"z"]
    for wrong in ([sealed[1], sealed[0], sealed[2]], [sealed[0][:-1], *sealed[1:]], [b"", *sealed[1:]]):
        with pytest.raises(IntegrityError):
            book.subjects.unseal(book.connection, ids, wrong)
    body = book.connection.scalars(select(vault.c.body).where(vault.c.subject_id == 1)).one()
    with pytest.raises(IntegrityError):
        book.subjects.unseal(book.connection, pa.array([1]), [body])


def test_rows_of_the_vault_cannot_be_swapped(book: Registered) -> None:
    book.register(external_id=["A", "B"])
    rows = book.connection.execute(select(vault)).mappings().all()
    for column in ("data_key", "audit_key", "body"):
        for mine, other in itertools.permutations(rows):
            writing.update_where(
                book.connection, vault, {column: other[column]}, vault.c.subject_id == mine["subject_id"]
            )
        open_it = book.subjects._vault.audit_keys if column == "audit_key" else book.subjects.identifiers
        with pytest.raises(IntegrityError):
            open_it(book.connection, pa.array([1, 2]))
        for row in rows:
            writing.update_where(book.connection, vault, dict(row), vault.c.subject_id == row["subject_id"])
    assert book.held(1)["external_id"] == [["A"]]


def test_a_forgotten_person_is_unknown_and_unreadable(book: Registered) -> None:
    book.register(external_id=["A", "B", "C"], email=["a@example.fr", "b@example.fr", "c@example.fr"])
    book.register(external_id=[["A", "B"]])
    refs = book.subjects.refs(book.connection, pa.array([1, 3])).to_pylist()
    sealed = book.subjects.seal(book.connection, pa.array([1]), [b"sent"])
    book.subjects.forget(book.connection, pa.array([2]), now=NOW)
    assert book.subjects.find(book.connection, Field.EMAIL, "a@example.fr", None) is None
    assert book.subjects.by_ref(book.connection, refs[0]) is None
    assert book.subjects.by_ref(book.connection, refs[1]) == 3
    assert book.held(1, 3)["email"] == [None, ["c@example.fr"]]
    with pytest.raises(IntegrityError):
        book.subjects.unseal(book.connection, pa.array([1]), sealed)
    assert book.register(email=["a@example.fr"]) == [4]


def test_nobody_asks_about_nobody(book: Registered) -> None:
    nobody = pa.array([], pa.int64())
    assert book.subjects.identifiers(book.connection, nobody).reveal().num_rows == 0
    assert len(book.subjects.refs(book.connection, nobody)) == 0
    assert book.subjects.seal(book.connection, nobody, []) == []
    assert book.register(email=pa.array([], pa.string())) == []


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.lists(st.sampled_from([f"{letter}@example.fr" for letter in "abcdef"]), max_size=2),
            "external_id": st.lists(st.sampled_from(["A", "B", "C", "D"]), max_size=1),
            "first_name": st.lists(st.sampled_from(["Zoé", "Bob"]), max_size=1),
        }
    ),
    max_size=8,
)


def reference(rows: list[dict[str, list[str]]]) -> set[frozenset[str]]:
    """People as sets of identifiers: a 10-line union-find."""
    groups: list[set[str]] = []
    for row in rows:
        mine = {*row["email"], *row["external_id"]}
        touched = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine]
        if mine:
            groups.append(mine.union(*touched))
    return {frozenset(group) for group in groups}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.lists(st.integers(1, 4), min_size=1, max_size=4), st.randoms())
def test_who_is_who_depends_on_no_order(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, list[str]]],
    sizes: list[int],
    random: st.randoms,  # type: ignore[valid-type]
) -> None:
    random.shuffle(rows)  # type: ignore[attr-defined]
    for store in fresh_store("sqlite", tmp_path_factory.mktemp("order")):
        with store.write() as connection:
            book = Registered(store, connection)
            start = 0
            for size in itertools.cycle(sizes):
                chunk = rows[start : start + size]
                if not chunk:
                    break
                book.register(
                    **{name: pa.array([row[name] for row in chunk], pa.list_(pa.string())) for name in chunk[0]}
                )
                start += size
            assert people(book) == reference(rows)
            names = {name for row in rows if row["email"] or row["external_id"] for name in row["first_name"]}
            assert {name for group in held_names(book) for name in group} == names


def alive(book: Registered) -> pa.Array:
    statement = select(subject.c.subject_id).where(subject.c.merged_into.is_(None))
    return pa.array([row.subject_id for row in book.connection.execute(statement)], pa.int64())


def people(book: Registered) -> set[frozenset[str]]:
    table = book.subjects.identifiers(book.connection, alive(book)).reveal()
    columns = [table[name].to_pylist() for name in ("email", "external_id") if name in table.column_names]
    return {frozenset(value for values in row for value in values or ()) for row in zip(*columns, strict=True)}


def held_names(book: Registered) -> list[list[str]]:
    table = book.subjects.identifiers(book.connection, alive(book)).reveal()
    return [names or [] for names in table["first_name"].to_pylist()] if "first_name" in table.column_names else []


def test_who_changed_or_was_erased_meanwhile_is_opened_anew(book: Registered) -> None:
    book.register(email=["zoe@example.fr", "lea@example.fr"], first_name=["Zoé", "Léa"])
    with book.subjects.holding():
        before = book.held(1, 2)
        assert book.held(1, 2) == before
        book.register(email=["zoe@example.fr"], first_name=["Zoë"])
        assert book.held(1, 2)["first_name"] == [["Zoë", "Zoé"], ["Léa"]]
        book.subjects.forget(book.connection, pa.array([2]), now=NOW)
        assert book.held(1, 2)["first_name"] == [["Zoë", "Zoé"], None]
