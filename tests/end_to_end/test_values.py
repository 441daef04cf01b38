"""An audience whose people come with a value: who is sent with what, when again, what is kept of it, and what never."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.end_to_end.conftest import Cli
from tests.end_to_end.rooms import Rooms
from tests.end_to_end.test_consent_reaches import contact, write

pytestmark = pytest.mark.xdist_group("values")


def audience(rooms: Rooms, value: str = "{trait: revenue_365d}", more: str = "") -> None:
    """The one audience, for Meta alone; with a value where there is one."""
    told = f"value: {value}\n" if value else ""
    (rooms.shop.folder / "audiences" / "everybody.yaml").write_text(
        "audience: everybody\nsegment: everybody\npurpose: ad_list_matching\ndestinations: {meta: {}}\n"
        f"guards: {{minimum_size: 1, maximum_change: 100%}}\n{told}{more}"
    )


def worth(rooms: Rooms) -> list[float | None]:
    (there,) = rooms.shop.twins.audiences("meta").values()
    return sorted(rooms.shop.twins.values(there).values(), key=lambda value: -1 if value is None else value)


def marks(rooms: Rooms) -> list[int]:
    return [int(str(mark)) for (mark,) in rooms.rows("SELECT value_mark FROM membership ORDER BY subject_id")]


def sent(rooms: Rooms) -> tuple[int, int]:
    report = rooms.sync()["meta"]
    return report.added, report.removed


def test_each_person_is_worth_what_the_trait_says_to_two_digits(rooms: Rooms) -> None:
    audience(rooms)
    report = rooms.sync()["meta"]
    values = [value or 0.0 for value in worth(rooms)]
    assert len(values) == report.members > 10
    assert max(values) > 100
    assert all(float(f"{value:.2g}") == value for value in values)
    assert sent(rooms) == (0, 0)


def test_a_value_that_rounds_to_another_is_sent_again_and_nobody_is_taken_out_for_it(rooms: Rooms) -> None:
    audience(rooms)
    members, before = rooms.sync()["meta"].members, worth(rooms)
    audience(rooms, "{trait: revenue_365d, digits: 3}")
    added, removed = sent(rooms)
    assert (0 < added < members, removed) == (True, 0)
    assert worth(rooms) != before
    assert len(worth(rooms)) == members
    assert sent(rooms) == (0, 0)


def test_the_plan_says_how_many_are_there_and_come_with_another_value(rooms: Rooms, cli: Cli) -> None:
    audience(rooms)
    rooms.sync()
    audience(rooms, "{trait: revenue_365d, digits: 3}")
    _, told = cli(rooms.shop, "plan")
    row: dict[str, Any] = told["audiences"][0]
    assert row["revalued"] == row["adds"] > 0


def test_a_kept_plan_does_not_hold_once_other_values_would_be_sent(rooms: Rooms, cli: Cli) -> None:
    audience(rooms)
    kept = rooms.shop.folder / "kept.json"
    assert cli(rooms.shop, "plan", "--out", str(kept))[0] == 0
    audience(rooms, "{trait: orders_365d}")
    code, told = cli(rooms.shop, "sync", "--plan", str(kept))
    assert (code, told["outcome"]) == (3, "held_back")
    assert cli(rooms.shop, "plan", "--compare", str(kept))[1]["compared"][0]["values_changed"] is True
    audience(rooms)
    assert cli(rooms.shop, "sync", "--plan", str(kept))[0] == 0


def test_who_has_no_value_is_withheld_with_the_reason_and_leaves_if_they_were_there(rooms: Rooms, cli: Cli) -> None:
    audience(rooms, "{trait: orders_365d}")
    everybody = rooms.sync()["meta"].members
    audience(rooms, "{trait: usual_gap_days}")
    report = rooms.sync()["meta"]
    assert report.withheld["value_missing"] > 0
    assert report.members == everybody - report.withheld["value_missing"] == len(worth(rooms)) > 0
    _, told = cli(rooms.shop, "plan")
    assert told["audiences"][0]["withheld"]["value_missing"] == report.withheld["value_missing"]


def test_a_negative_value_is_withheld(rooms: Rooms, cli: Cli) -> None:
    model = rooms.shop.folder / "model.yaml"
    traits = "traits:\n  debt: {recency: purchase, default: -5}\n"
    model.write_text(model.read_text().replace("traits:\n", traits, 1))
    audience(rooms, "{trait: debt}")
    _, told = cli(rooms.shop, "plan")
    assert told["audiences"][0]["withheld"]["value_negative"] > 0


@pytest.mark.parametrize("best", ["percent: 25", "n: 12"])
def test_the_best_of_all_are_a_seed_with_values(rooms: Rooms, best: str) -> None:
    audience(rooms, "{trait: revenue_365d, digits: 6}")
    rooms.sync()
    everybody = worth(rooms)
    segment = rooms.shop.folder / "segments" / "everybody.yaml"
    segment.write_text(f"segment: everybody\nwhere: {{top: {{{best}, by: revenue_365d}}}}\n")
    rooms.sync()
    seed = worth(rooms)
    assert 0 < len(seed) < len(everybody) / 2
    assert seed == everybody[-len(seed) :], "those who are worth most, with what they are worth"


def test_values_stand_in_the_store_only_sealed(rooms: Rooms) -> None:
    audience(rooms, "{trait: revenue_365d, digits: 6}")
    rooms.sync()
    value = f"{max(value or 0 for value in worth(rooms)):.2f}".rstrip("0").rstrip(".")
    assert len(value) >= 5
    with closing(sqlite3.connect(rooms.shop.folder / "var" / "control.db")) as raw:
        everything = "\n".join(raw.iterdump())
    assert value not in everything
    assert value.encode().hex().upper() not in everything
    assert len(set(marks(rooms))) == len(marks(rooms))


def test_an_audience_made_without_values_gets_none_and_removals_go_on(rooms: Rooms, cli: Cli) -> None:
    audience(rooms, "")
    members = rooms.sync()["meta"].members
    audience(rooms)
    ((ref,),) = rooms.rows("SELECT min(subject_ref) FROM subject JOIN membership USING (subject_id)")
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", str(ref))[0] == 0
    code, told = cli(rooms.shop, "plan")
    assert (code, told["audiences"][0]["held_by"]) == (3, ["values_mixed"])
    assert "another name" in told["advice"]
    code, told = cli(rooms.shop, "sync")
    row = told["audiences"][0]
    assert (code, row["held_by"], row["members"]) == (3, ["values_mixed"], members - 1)
    assert worth(rooms) == [None] * (members - 1)
    audience(rooms, "")
    assert cli(rooms.shop, "sync")[0] == 0


def test_an_audience_made_with_values_is_never_filled_without(rooms: Rooms, cli: Cli) -> None:
    audience(rooms)
    rooms.sync()
    audience(rooms, "")
    write(rooms.shop, "new", [contact("NEW")])
    assert cli(rooms.shop, "pull", "crm")[0] == 0
    code, told = cli(rooms.shop, "sync")
    assert (code, told["audiences"][0]["held_by"]) == (3, ["values_mixed"])
    assert None not in worth(rooms)


def test_whose_new_value_is_rejected_is_still_there_and_is_taken_out_when_they_withdraw(rooms: Rooms, cli: Cli) -> None:
    audience(rooms)
    members = rooms.sync()["meta"].members
    audience(rooms, "{trait: revenue_365d, digits: 3}")
    rooms.shop.twins.fault(call="meta.users.add", partial={"rows": [0]})
    report = rooms.sync()["meta"]
    assert (report.rejected, report.members) == (1, members)
    assert sent(rooms) == (0, 0)
    statement = "SELECT subject_ref FROM subject JOIN batch_member USING (subject_id) WHERE rejected IS NOT NULL"
    ((ref,),) = rooms.rows(statement)
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", str(ref))[0] == 0
    assert sent(rooms) == (0, 1)
    assert len(worth(rooms)) == members - 1


def test_whose_new_value_was_never_sent_since_terms_ended_are_still_there_and_are_sent_again(rooms: Rooms) -> None:
    audience(rooms)
    members, before = rooms.sync()["meta"].members, worth(rooms)
    audience(rooms, "{trait: revenue_365d, digits: 3}")
    rooms.shop.twins.set_meta(terms_accepted=False)
    report = rooms.sync()["meta"]
    assert (report.outcome.value, report.members) == ("refused", members)
    rooms.shop.twins.set_meta(terms_accepted=True)
    added, removed = sent(rooms)
    assert (added > 0, removed, len(worth(rooms))) == (True, 0, members)
    assert worth(rooms) != before


def test_a_lost_answer_to_new_values_is_made_good_by_the_next_run(rooms: Rooms) -> None:
    audience(rooms)
    members = rooms.sync()["meta"].members
    audience(rooms, "{trait: revenue_365d, digits: 3}")
    rooms.shop.twins.fault(call="meta.users.add", times=3, drop=True)
    assert rooms.sync()["meta"].outcome.value == "try_later"
    rooms.shop.twins.clear_faults()
    assert rooms.sync()["meta"].members == members == len(worth(rooms))
    assert sent(rooms) == (0, 0)
    assert any(value != float(f"{value:.2g}") for value in worth(rooms) if value is not None)


def test_all_members_are_replaced_with_their_values(rooms: Rooms) -> None:
    audience(rooms, more="replace: always\n")
    rooms.sync()
    audience(rooms, "{trait: revenue_365d, digits: 3}", more="replace: always\n")
    report = rooms.sync()["meta"]
    assert (report.how, report.members) == ("replace", len(worth(rooms)))
    assert None not in worth(rooms)
    assert sent(rooms) == (0, 0)


def test_erasure_leaves_no_mark_of_a_value(rooms: Rooms, cli: Cli) -> None:
    audience(rooms)
    rooms.sync()
    ((ref, mark),) = rooms.rows(
        "SELECT subject_ref, value_mark FROM subject JOIN membership USING (subject_id) ORDER BY subject_id LIMIT 1"
    )
    assert cli(rooms.shop, "erase", "--subject-ref", str(ref))[0] in {0, 5}
    assert int(str(mark)) not in marks(rooms)
