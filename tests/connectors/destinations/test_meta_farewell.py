"""Out of every audience of the ad account, whoever made it, by every key that is known."""

import hashlib
import json
from pathlib import Path

import pytest

from passerelle.connectors.contract.destination import ForgetsEverywhere, Intent, Receipt
from passerelle.connectors.destinations.meta_forget import farewell_rows
from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.consent.cleared import LEDGER_SEAL, FarewellBatch
from passerelle.privacy.vocabulary import Destination
from tests.connectors.destinations.people import Person, cleared, people, person, sha
from tests.connectors.destinations.stage import Stage, google, meta, staged

INTENT = Intent("farewell", 1)


def farewell(persons: list[Person]) -> FarewellBatch:
    batch = cleared(persons, Destination.META)
    return FarewellBatch(LEDGER_SEAL, Destination.META, batch.subject_ids, batch.identifiers)


def bid(stage: Stage, persons: list[Person]) -> Receipt:
    assert isinstance(stage.destination, ForgetsEverywhere)
    return stage.destination.forget_everywhere(farewell(persons), INTENT)


def by_hand(stage: Stage, *addresses: str) -> str:
    """An audience that somebody made in Ads Manager, with these people."""
    wire = stage.destination._wire  # type: ignore[attr-defined]
    told = {"name": "By hand", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    made = str(wire.change(("act_1", "customaudiences"), told)["id"])
    payload = json.dumps({"schema": ["EMAIL"], "data": [[sha(address)] for address in addresses]})
    wire.send((made, "users"), payload, None)
    return made


def test_copies_made_by_hand_lose_the_person_too(on_meta: Stage) -> None:
    on_meta.add(people(3))
    copy = by_hand(on_meta, "person0@example.fr", "person1@example.fr")
    receipt = bid(on_meta, people(1))
    assert (receipt.state, receipt.accepted, receipt.rejected_count) == ("settled", 1, 0)
    assert (on_meta.count(), on_meta.twins.count(copy)) == (2, 1)
    assert bid(on_meta, people(1)).accepted == 1, "asking again is harmless"


def test_other_ad_accounts_are_left_alone(on_meta: Stage, tmp_path: Path) -> None:
    other = staged(meta(on_meta.twins, tmp_path, [], ad_account="act_2"), on_meta.twins, [], "elsewhere")
    other.add(people(2))
    bid(on_meta, people(2))
    assert other.count() == 2


def test_every_address_and_number_ever_known_is_asked_by(on_meta: Stage) -> None:
    old = by_hand(on_meta, "old@example.fr", "older@example.fr", "somebody@example.fr")
    mine: Person = {"email": ["new@example.fr", "old@example.fr", "older@example.fr"], "phone": ["+33612340001"]}
    assert bid(on_meta, [mine]).accepted == 1
    assert on_meta.twins.members(old) == [(f"email:{sha('somebody@example.fr')}",)]


def test_rows_are_one_a_person_and_one_for_each_further_value() -> None:
    two: Person = {**person(1), "email": ["a@example.fr", "b@example.fr"], "phone": ["+33612340001", "+33612340002"]}
    rows, known = farewell_rows(farewell([two, person(2)]).identifiers)
    table = rows.reveal()
    assert (table.num_rows, known) == (4, 2)
    assert [bool(cell) for cell in table["EXTERN_ID"].to_pylist()] == [True, True, False, False]
    assert table["EMAIL"].to_pylist()[2] == hashlib.sha256(b"b@example.fr").hexdigest()
    assert table["EMAIL"].to_pylist()[3] == ""


def test_our_own_id_is_never_the_only_key(on_meta: Stage) -> None:
    before = on_meta.twins.calls().get("meta.users.forget", 0)
    receipt = bid(on_meta, [{"external_id": ["C1"], "country": "FR"}])
    assert (receipt.accepted, receipt.request["without_keys"]) == (1, 1)
    assert on_meta.twins.calls().get("meta.users.forget", 0) == before


def test_more_rows_than_one_request_takes_go_in_several(on_meta: Stage) -> None:
    many: list[Person] = [{"email": [f"{one}.{two}@example.fr" for two in range(101)]} for one in range(100)]
    before = on_meta.twins.calls().get("meta.users.forget", 0)
    assert bid(on_meta, many).request["rows"] == 10_100
    assert on_meta.twins.calls()["meta.users.forget"] == before + 2


def test_rows_that_meta_did_not_take_leave_all_of_them_owed(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.users.forget", partial={"rows": [1], "reason": "odd"})
    receipt = bid(on_meta, people(3))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.reasons)) == (0, 3, {"invalid_entry": 3})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"http": {"status": 502, "body": "<html>no</html>"}}, OutcomeUnknown),
        ({"http": {"status": 200, "body": '{"success": false}'}}, OutcomeUnknown),
        ({"drop": True, "applied": True}, OutcomeUnknown),
        ({"graph": {"code": 80003, "minutes": 5}}, TryLater),
        ({"graph": {"code": 200}}, Refused),
    ],
    ids=str,
)
def test_a_farewell_that_failed_is_never_taken_for_one_that_worked(
    on_meta: Stage, fault: dict[str, object], kind: type[Exception]
) -> None:
    on_meta.twins.fault(call="meta.users.forget", times=0, **fault)
    with pytest.raises(kind):
        bid(on_meta, people(2))


def test_its_rows_are_never_in_the_url(on_meta: Stage) -> None:
    assert bid(on_meta, people(5_000)).accepted == 5_000


def test_google_has_no_such_call(twins: Twins, tmp_path: Path) -> None:
    assert not isinstance(google(twins, tmp_path, []), ForgetsEverywhere)


def test_only_the_ledger_makes_a_farewell() -> None:
    batch = cleared(people(1), Destination.META)
    with pytest.raises(TypeError, match="only the membership ledger"):
        FarewellBatch(object(), Destination.META, batch.subject_ids, batch.identifiers)
