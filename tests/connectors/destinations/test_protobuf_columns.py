"""Requests made by the column say what setting every field of every member would have said."""

import pyarrow as pa
from google.ads import datamanager_v1 as dm
from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.contract.destination import RemoteAudience
from passerelle.connectors.destinations.google_requests import GRANTED, Requests
from passerelle.connectors.destinations.google_rows import ADDRESS, COLUMNS
from passerelle.connectors.destinations.protobuf_columns import varint

WORD = st.text(st.sampled_from("aé😀0"), min_size=1, max_size=3) | st.just("x" * 64) | st.just("y" * 300)
MANY = st.none() | st.lists(WORD, max_size=3)
ROWS = st.lists(st.tuples(MANY, MANY, *[st.none() | st.just("") | WORD] * len(ADDRESS)), max_size=6)
REMOTE = RemoteAudience("1", COLUMNS)


def _expected(rows: list[tuple[object, ...]], *, consent: bool) -> list[dm.AudienceMember]:
    members = []
    for row in rows:
        emails, phones, *address = row
        found = [dm.UserIdentifier(email_address=one) for one in emails or ()]  # type: ignore[attr-defined]
        found += [dm.UserIdentifier(phone_number=one) for one in phones or ()]  # type: ignore[attr-defined]
        if all(address):
            parts = dict(zip(ADDRESS, address, strict=True))
            found.append(dm.UserIdentifier(address=dm.AddressInfo(**parts)))
        said = {"consent": dm.Consent(ad_user_data=GRANTED, ad_personalization=GRANTED)} if consent else {}
        data = dm.CompositeData(user_data=dm.UserData(user_identifiers=found))
        members.append(dm.AudienceMember(composite_data=data, **said))
    return members


@given(ROWS, st.integers(0, 2))
def test_each_member_is_what_setting_its_fields_makes(rows: list[tuple[object, ...]], first: int) -> None:
    columns = [[row[at] for row in rows] for at in range(len(COLUMNS))]
    kinds = [pa.list_(pa.string())] * 2 + [pa.string()] * len(ADDRESS)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    table = pa.table(arrays, names=list(COLUMNS)).slice(first)
    requests = Requests("12", None)
    assert list(requests.ingest(REMOTE, table).audience_members) == _expected(rows[first:], consent=True)
    assert list(requests.remove(REMOTE, table).audience_members) == _expected(rows[first:], consent=False)


def test_one_text_for_each_person_is_taken_as_a_list_of_one() -> None:
    table = pa.table({"email": ["a", None, ""], "phone": pa.nulls(3, pa.string())} | dict.fromkeys(ADDRESS, [None] * 3))
    table = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    members = Requests("12", None).remove(REMOTE, table).audience_members
    assert [len(one.composite_data.user_data.user_identifiers) for one in members] == [1, 0, 0]


def test_numbers_take_seven_bits_a_byte() -> None:
    assert [varint(number) for number in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\1", b"\xac\2"]
