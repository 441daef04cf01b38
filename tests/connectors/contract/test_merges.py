"""Merges that the winner tells of, several lists in one, and a search without numbers."""

from typing import Annotated

import pyarrow as pa
import pytest

from passerelle.connectors.contract.keyset import AfterKey
from passerelle.connectors.contract.merges import with_losers
from passerelle.connectors.contract.paging import TURN, CursorPage, InTurn, Seen
from passerelle.connectors.contract.records import Record, shape_of
from passerelle.connectors.contract.roles import Attribute, Cursor, Identifier, Key, MergedInto, Tombstone
from passerelle.connectors.errors import Refused
from passerelle.privacy.vocabulary import Field


class Contact(Record):
    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    tier: Annotated[str | None, Attribute()] = None
    absorbed: Annotated[str | None, MergedInto(listed=";")] = None
    updated: Annotated[str | None, Cursor()] = None
    gone: Annotated[bool, Tombstone()] = False


class Plain(Record):
    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)]
    into: Annotated[str | None, MergedInto()] = None


def rows(*lists: str | None) -> pa.Table:
    count = len(lists)
    return pa.table(
        {
            "id": [f"W{number}" for number in range(count)],
            "email": [f"person.{number}@example.org" for number in range(count)],
            "tier": ["or"] * count,
            "absorbed": pa.array(lists, pa.string()),
            "updated": ["2026-11-01T00:00:00Z"] * count,
            "gone": [False] * count,
        }
    )


@pytest.mark.parametrize(
    ("listed", "lost"),
    [("11", ["11"]), ("11; 22;", ["11", "22"]), (";", []), ("", []), (None, []), ("W0;11", ["11"])],
)
def test_of_each_record_that_a_winner_names_a_row_is_made(listed: str | None, lost: list[str]) -> None:
    found = with_losers(shape_of(Contact), rows(listed, None)).to_pylist()
    assert [(one["id"], one["absorbed"]) for one in found] == [
        ("W0", None),
        ("W1", None),
        *((one, "W0") for one in lost),
    ]
    for one in found[2:]:
        assert one == {**found[0], "id": one["id"], "absorbed": "W0", "tier": None, "gone": None}


def test_records_that_name_their_winner_stay_as_they_are() -> None:
    given = pa.table({"id": ["1"], "into": ["2;3"]})
    assert with_losers(shape_of(Plain), given) is given
    assert with_losers(shape_of(Contact), rows()).num_rows == 0


def test_lists_are_read_in_turn() -> None:
    pages = InTurn((AfterKey("id", "more"), CursorPage("more", "after")))
    last = Contact(id="7")
    steps = [pages.first()]
    for found in ("x", None, "y", None):
        following = pages.after(Seen(None, 1, found, steps[-1], (last,)))
        if following is not None:
            steps.append(following)
    assert steps == [{TURN: "0"}, {"id": "7", TURN: "0"}, {TURN: "1"}, {"after": "y", TURN: "1"}]
    assert pages.after(Seen(None, 0, None, steps[-1])) is None


def test_a_page_without_a_single_good_record_leads_nowhere() -> None:
    with pytest.raises(Refused, match="No record of a page could be read"):
        AfterKey("id", "more").after(Seen(None, 3, "x", {}))
