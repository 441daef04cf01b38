import json
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Connection, func, insert, select

from passerelle.privacy.consent import Cleared, Gate, StaleSource
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import DAY, NOW, RULE, House, notice, policy, statement

HOUR = 3_600_000_000


def clear(house: House, ids: list[int], gate: Gate | None = None, *, now: int = NOW) -> Cleared:
    with house.store.write() as connection:
        return (gate or house.gate()).clear(
            connection,
            pa.array(ids, pa.int64()),
            audience="vip",
            destination=Destination.META,
            destination_name="meta",
            purpose=Purpose.AD_LIST_MATCHING,
            now=now,
        )


def kept(house: House) -> list[dict[str, Any]]:
    with house.store.read() as connection:
        rows = connection.execute(select(t.decision).order_by(t.decision.c.subject_id)).mappings()
        return [dict(row) for row in rows]


def bodies(house: House, kind: str) -> list[dict[str, Any]]:
    with house.store.read() as connection:
        statement_ = select(t.log_entry.c.body).where(t.log_entry.c.kind == kind).order_by(t.log_entry.c.log_index)
        return [json.loads(body)["body"] for (body,) in connection.execute(statement_)]


def size(house: House) -> int:
    with house.store.read() as connection:
        return house.log.size(connection)


class Watched:
    """The people, and whose identifiers were asked for."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self.asked: list[int] = []

    def identifiers(self, connection: Connection, ids: pa.Array) -> Personal:
        self.asked += ids.to_pylist()
        return self._subjects.identifiers(connection, ids)

    def revisions(self, connection: Connection, ids: pa.Array) -> pa.Array:
        return self._subjects.revisions(connection, ids)


# --- deciding


def test_everybody_is_denied_until_they_consent(house: House) -> None:
    yes, no, silent = house.people(3)
    house.tell(statement(yes), statement(no, "ConsentRefused"))
    assert house.reasons([silent, yes, no, yes]) == ["no_consent_event", "consent", "refused", "consent"]


def test_consent_to_one_purpose_says_nothing_about_another(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one, purpose="email_marketing"))
    assert house.reasons([one]) == ["no_consent_event"]


def test_where_a_person_is_decides_the_rule(house: House) -> None:
    ids = [house.people(country=country)[0] for country in ("FR", "RE", "US", "GB", None)]
    house.tell(*(statement(one) for one in ids))
    assert house.reasons(ids) == ["consent", "consent", "no_policy_rule", "no_policy_rule", "jurisdiction_unknown"]
    california = policy(RULE, {**RULE, "jurisdictions": ["US-CA"]})
    assert house.reasons(ids[2:3], house.gate(california)) == ["jurisdiction_unknown"]


def test_whoever_is_erased_or_not_there_is_denied(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    with house.store.write() as connection:
        house.subjects.forget(connection, pa.array([one]), now=NOW)
    assert house.reasons([one, 999_999]) == ["erased", "unknown_person"]
    assert clear(house, [one, 999_999]).withheld["reason"].to_pylist() == ["erased", "unknown_person"]
    assert kept(house) == []


def test_deciding_writes_nothing(house: House) -> None:
    ids = house.people(3)
    house.tell(*(statement(one) for one in ids))
    before = size(house)
    house.reasons(ids)
    assert size(house) == before


def test_what_was_heard_later_can_be_left_out(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one), now=NOW - 4 * DAY)
    house.tell(statement(one, "ConsentWithdrawn", event_time=NOW - 3 * DAY), now=NOW)
    assert house.reasons([one], at=NOW - DAY, heard_until=NOW - DAY) == ["consent"]
    assert house.reasons([one], at=NOW - DAY) == ["withdrawn"]


def test_a_merge_keeps_the_least_permissive_until_the_person_consents_anew(house: House) -> None:
    one, other = house.people(2)
    house.tell(statement(one), statement(other, "ConsentWithdrawn", event_time=NOW - 9 * DAY), now=NOW - 5 * DAY)
    assert house.merge(one, other, now=NOW - 3 * DAY) == one
    assert house.reasons([one, other]) == ["withdrawn", "withdrawn"]
    house.tell(statement(one, event_time=NOW - DAY), now=NOW - DAY)
    assert house.reasons([one, other]) == ["consent", "consent"]


def test_a_chain_of_merges_does_not_stretch_a_consent(house: House) -> None:
    first, second, third = house.people(3)
    house.tell(statement(third, "ConsentWithdrawn", event_time=NOW - 9 * DAY), now=NOW - 9 * DAY)
    house.merge(second, third, now=NOW - 8 * DAY)
    house.tell(statement(first, event_time=NOW - 7 * DAY), now=NOW - 7 * DAY)
    assert house.merge(first, second, now=NOW - 6 * DAY) == first
    assert house.reasons([first]) == ["withdrawn"]


def test_many_people_are_decided_as_few_are(house: House) -> None:
    ids = house.people(21_000)
    house.tell(*(statement(one) for one in ids[::2]))
    assert house.reasons(ids) == ["consent", "no_consent_event"] * 10_500


# --- keeping decisions


def test_decisions_are_kept_with_the_event_the_policy_and_the_size_of_the_log(house: House) -> None:
    yes, no = house.people(2)
    house.tell(statement(yes))
    clear(house, [yes, no])
    first, second = kept(house)
    assert (first["allowed"], first["reason"], first["event_id"]) == (1, "consent", 1)
    assert (second["allowed"], second["reason"], second["event_id"]) == (0, "no_consent_event", None)
    assert first["policy"] == policy().digest
    (entry,) = bodies(house, "decisions")
    assert entry["log_size"] == first["log_index"]
    assert entry["reasons"] == {"consent": 1, "no_consent_event": 1}
    assert (entry["allowed"], entry["denied"], entry["members"], entry["platform"]) == (1, 1, 2, "meta")


def test_nothing_is_written_when_nothing_changed(house: House) -> None:
    ids = house.people(2)
    house.tell(statement(ids[0]))
    clear(house, ids)
    before = size(house)
    again = clear(house, ids, now=NOW + DAY)
    assert size(house) == before
    assert again.batch.log_index == before - 1


def test_only_the_decisions_that_changed_are_written_again(house: House) -> None:
    ids = house.people(3)
    house.tell(*(statement(one) for one in ids))
    clear(house, ids)
    house.tell(statement(ids[1], "ConsentWithdrawn", event_time=NOW - DAY))
    clear(house, ids)
    entry = bodies(house, "decisions")[-1]
    assert entry["members"] == 1
    assert sum(entry["replaces"].values()) == 1
    assert [row["reason"] for row in kept(house)] == ["consent", "withdrawn", "consent"]


def test_another_policy_is_another_decision_and_both_policies_stay_on_file(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    clear(house, [one])
    stricter = policy({**RULE, "validity_days": 2}, version=2)
    assert clear(house, [one], house.gate(stricter)).withheld["reason"].to_pylist() == ["expired"]
    with house.store.read() as connection:
        found = connection.execute(select(t.document.c.name, t.document.c.digest).where(t.document.c.kind == "policy"))
        assert {tuple(row) for row in found} == {("policy@1", policy().digest), ("policy@2", stricter.digest)}
    assert [entry["name"] for entry in bodies(house, "policy")] == ["policy@1", "policy@2"]


def test_recorded_decisions_of_the_merged_stand_under_the_survivor(house: House) -> None:
    one, other = house.people(2)
    house.merge(one, other)
    gate = house.gate()
    with house.store.write() as connection:
        found = gate.decide(
            connection,
            pa.array([other, one]),
            purpose=Purpose.AD_LIST_MATCHING,
            destination=Destination.META,
            at=NOW,
        )
        gate.record(
            connection,
            found,
            audience="vip",
            destination_name="meta",
            purpose=Purpose.AD_LIST_MATCHING,
            now=NOW,
        )
    assert [row["subject_id"] for row in kept(house)] == [one]


# --- clearing


def test_only_people_with_live_consent_are_handed_out_with_their_identifiers(house: House) -> None:
    ids = house.people(4)
    house.tell(statement(ids[0]), statement(ids[1], "ConsentRefused"), statement(ids[3]))
    cleared = clear(house, [*reversed(ids), ids[0]])
    assert cleared.batch.subject_ids.to_pylist() == [ids[0], ids[3]]
    table = cleared.batch.identifiers.reveal()
    assert [values[0].startswith("person") for values in table["email"].to_pylist()] == [True, True]
    assert table["country"].to_pylist() == ["FR", "FR"]
    assert cleared.batch.revision.to_pylist() == [1, 1]
    assert cleared.batch.decided_at == NOW
    assert cleared.withheld.to_pylist() == [
        {"subject_id": ids[1], "reason": "refused"},
        {"subject_id": ids[2], "reason": "no_consent_event"},
    ]


def test_a_withdrawal_between_plan_and_push_is_seen(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    assert house.reasons([one]) == ["consent"]
    house.tell(statement(one, "ConsentWithdrawn", event_time=NOW - DAY))
    assert len(clear(house, [one]).batch.subject_ids) == 0


def test_nobody_else_makes_a_cleared_batch(house: House) -> None:
    batch = clear(house, []).batch
    with pytest.raises(TypeError, match="only the consent gate"):
        ClearedBatch(
            object(),
            batch.destination,
            "vip",
            batch.purpose,
            batch.subject_ids,
            batch.identifiers,
            batch.revision,
            0,
            NOW,
        )


def test_the_merged_are_cleared_once_as_who_they_are_now(house: House) -> None:
    one, other = house.people(2)
    house.tell(statement(one), statement(other))
    house.merge(one, other)
    assert clear(house, [one, other]).batch.subject_ids.to_pylist() == [one]


# --- ages

ADULT = policy({**RULE, "minimum_age": 18})
STRICT = policy({**RULE, "minimum_age": 18, "age_required": True})


def test_the_under_age_are_kept_out_where_their_age_is_known(house: House) -> None:
    ids = house.people(4, birth_year=["2010", "1980", None, "2006"])  # NOW is in October 2024
    house.tell(*(statement(one) for one in ids))
    expected = ["under_age", "consent", "consent", "under_age"]
    assert house.reasons(ids, house.gate(ADULT)) == expected
    assert house.reasons(ids, house.gate(STRICT)) == ["under_age", "consent", "age_unknown", "under_age"]
    assert clear(house, ids, house.gate(ADULT)).batch.subject_ids.to_pylist() == [ids[1], ids[2]]
    assert [row["reason"] for row in kept(house)] == expected


def test_a_birthday_counts_from_its_day(house: House) -> None:
    ids = house.people(3, birth_year=["2006"] * 3, birth_month=["10", "10", "9"], birth_day=["4", "5", None])
    house.tell(*(statement(one) for one in ids))
    assert house.reasons(ids, house.gate(ADULT)) == ["consent", "under_age", "consent"]


def test_identifiers_are_not_read_again_for_whoever_this_policy_has_allowed(house: House) -> None:
    ids = house.people(2, birth_year=["1980", "2012"])
    house.tell(*(statement(one) for one in ids))
    clear(house, ids, house.gate(ADULT))

    sealed = Watched(house.subjects)
    gate = Gate(house.store, house.log, sealed, ADULT, {"ads": notice()})
    assert house.reasons(ids, gate) == ["consent", "under_age"]
    assert sealed.asked == [ids[1]]


# --- freshness and documents


def test_a_mandatory_source_that_is_too_old_or_was_never_pulled_is_stale(house: House) -> None:
    gate = house.gate(policy(freshness={"crm": "24h", "shop": "7d", "web": "1h"}))
    rows = [("crm", "a", NOW), ("crm", "b", NOW - 25 * HOUR), ("shop", "a", NOW - DAY), ("web", "a", None)]
    with house.store.write() as connection:
        for source, resource, watermark in rows:
            values = {"source": source, "resource": resource, "watermark": watermark, "state": "", "updated_at": NOW}
            connection.execute(insert(t.cursor).values(values))
        assert gate.stale(connection, now=NOW) == [
            StaleSource("crm", 25 * 3600, 24 * 3600),
            StaleSource("web", None, 3600),
        ]
        assert house.gate(policy(freshness={"other": "1m"})).stale(connection, now=NOW) == [
            StaleSource("other", None, 60)
        ]
        assert house.gate().stale(connection, now=NOW) == []


def test_documents_are_kept_once(house: House) -> None:
    with house.store.write() as connection:
        assert house.gate().document(connection, NOW) == 2
        assert house.gate().document(connection, NOW) == 0
        assert connection.execute(select(func.count()).select_from(t.document)).scalar_one() == 2


def test_a_notice_that_people_agreed_to_cannot_be_edited(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    narrow, wide = notice(recipients=["google_ads"]), notice()
    assert clear(house, [one], house.gate(None, narrow)).withheld["reason"].to_pylist() == ["notice_not_for_recipient"]
    assert house.reasons([one], house.gate(None, wide)) == ["notice_not_for_recipient"]
    with pytest.raises(DefinitionError, match="ads@1 is not what it was"), house.store.write() as connection:
        house.gate(None, wide).document(connection, NOW)


def test_an_earlier_version_of_a_notice_still_counts(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    earlier = notice().model_dump(mode="json", exclude={"id", "earlier"}) | {"valid_to": "2024-10-01"}
    second = notice(version=2, recipients=[], earlier=[earlier])
    assert house.reasons([one], house.gate(None, second)) == ["consent"]


def test_a_version_that_was_on_file_counts_after_its_file_is_gone(house: House) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    with house.store.write() as connection:
        house.gate().document(connection, NOW)
    assert house.reasons([one], house.gate(None, notice(id="other"))) == ["consent"]
