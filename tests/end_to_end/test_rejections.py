"""Rejected rows carry a reason, are tried again when something about them changes, and never for ever."""

import pytest

from passerelle.privacy.ledger.rejections import TRIES
from tests.end_to_end.conftest import Cli
from tests.end_to_end.rooms import Rooms
from tests.end_to_end.test_consent_reaches import NOTICE, contact, write


def rejected(rooms: Rooms) -> str:
    """The pseudonym of the one person whom Meta rejected by name."""
    statement = (
        "SELECT subject_ref FROM subject JOIN batch_member USING (subject_id) JOIN batch USING (batch_id)"
        " WHERE batch_member.rejected IS NOT NULL AND batch.destination = 'meta' GROUP BY 1"
    )
    ((ref,),) = rooms.rows(statement)
    return str(ref)


def sent(rooms: Rooms) -> tuple[int, int]:
    """What one more sync sends to Meta: additions and removals."""
    report = rooms.sync()["meta"]
    return report.added, report.removed


def lone(rooms: Rooms, cli: Cli) -> None:
    """Everybody is there but one person, who comes now."""
    rooms.sync()
    write(rooms.shop, "lone", [contact("LONE")])
    assert cli(rooms.shop, "pull", "crm")[0] == 0


@pytest.mark.parametrize("alone", [False, True], ids=["among others", "alone in its batch"])
def test_a_row_rejected_by_name_is_not_tried_again_while_nothing_changes(
    rooms: Rooms, cli: Cli, *, alone: bool
) -> None:
    if alone:
        lone(rooms, cli)
    rooms.shop.twins.fault(call="meta.users.add", partial={"rows": [0]})
    report = rooms.sync()["meta"]
    assert (report.rejected, report.reasons) == (1, {"invalid_entry": 1})
    assert [sent(rooms) for _ in range(3)] == [(0, 0)] * 3
    assert rooms.rows("SELECT count(*) FROM membership WHERE destination = 'meta' AND state = 'unsendable'") == [(1,)]


def test_a_rejected_row_is_tried_again_when_its_data_change(rooms: Rooms, cli: Cli) -> None:
    lone(rooms, cli)
    rooms.shop.twins.fault(call="meta.users.add", partial={"rows": [0]})
    rooms.sync()
    write(rooms.shop, "lone", [contact("LONE", mobile="06 12 34 56 78")])
    assert cli(rooms.shop, "pull", "crm")[0] == 0
    assert sent(rooms) == (1, 0)
    assert sent(rooms) == (0, 0)


def test_a_rejected_row_is_tried_again_when_consent_was_said_anew(rooms: Rooms, cli: Cli) -> None:
    rooms.shop.twins.fault(call="meta.users.add", partial={"rows": [0]})
    rooms.sync()
    words = ["--subject-ref", rejected(rooms), "--state", "given", "--notice", NOTICE]
    assert cli(rooms.shop, "consent", "record", *words)[0] == 0
    assert sent(rooms) == (1, 0)
    assert sent(rooms) == (0, 0)


def test_a_batch_rejected_whole_and_without_names_is_tried_a_few_times_and_not_for_ever(rooms: Rooms) -> None:
    first = rooms.sync()["google"].members
    rooms.shop.twins.fault(call="data_manager.ingest", times=0, partial={"rows": [0]})
    write(rooms.shop, "lone", [contact("LONE")])
    rooms.shop.here("pull", "crm")
    tried = [rooms.sync()["google"] for _ in range(TRIES + 2)]
    assert [each.added for each in tried] == [1] * TRIES + [0, 0]
    assert {each.members for each in tried} == {first}


def test_who_was_rejected_and_may_be_there_by_an_unanswered_push_is_taken_out_and_not_sent_again(rooms: Rooms) -> None:
    rooms.shop.twins.fault(call="meta.users.add", times=3, drop=True, applied=True)
    rooms.sync()
    there = rooms.shop.at_twins()["everybody", "meta"]
    rooms.shop.twins.fault(call="meta.users.add", partial={"rows": [0]}, times=0)
    assert rooms.sync()["meta"].rejected == 1
    assert rooms.shop.at_twins()["everybody", "meta"] == there, "the first push had put everybody in"
    assert sent(rooms) == (0, 1)
    assert rooms.shop.at_twins()["everybody", "meta"] == there - 1
    assert [sent(rooms) for _ in range(3)] == [(1, 0), (0, 0), (0, 0)]
