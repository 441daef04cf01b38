"""`audit freshness · access · leaks`."""

import base64
import hashlib
import io
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.store import tables as t
from passerelle.workflows.audit.leaks import Where
from passerelle.workflows.audit.leaks import leaks as look
from passerelle.workflows.audit.needles import CHUNK, Needles
from passerelle.workflows.verbs.audit.question import AnswerResult
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.shop import HOUR, ZOE, Shop


def test_a_mandatory_source_that_was_never_pulled_or_is_old_is_a_finding(shop: Shop) -> None:
    assert [one["state"] for one in shop.ask("freshness").tables["sources"]] == ["never pulled"]
    row: dict[str, list[object]] = {"source": ["crm"], "resource": ["contacts"], "state": ["{}"]}
    row |= {"watermark": [NOW - 25 * HOUR], "updated_at": [NOW - 25 * HOUR]}
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        opened.store().insert(connection, t.cursor, row)
    result = shop.ask("freshness")
    (line,) = result.tables["sources"]
    assert (line["state"], line["age_hours"], line["limit_hours"]) == ("stale", 25.0, 24.0)
    assert result.outcome is Outcome.HELD_BACK


def test_runs_that_were_refused_because_of_old_sources_are_listed(shop: Shop) -> None:
    row: dict[str, list[object]] = {"run_id": ["r1"], "verb": ["sync"], "started_at": [NOW - HOUR], "ended_at": [NOW]}
    row |= {"outcome": ["consent_stale"], "exit_code": [6], "result": ['{"stale": ["crm"]}']}
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        opened.store().insert(connection, t.run, row)
    (line,) = shop.ask("freshness").tables["refused"]
    assert (line["run_id"], line["stale"]) == ("r1", ["crm"])
    assert shop.ask("access").facts["runs"] == 1


def test_an_operators_action_without_a_reason_is_a_finding(shop: Shop) -> None:
    for reason in ("request of the person, ticket 12", ""):
        with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
            opened.log().append(
                connection, "operator", {"actor": "alice", "action": "look up", "reason": reason}, now=NOW
            )
    result = shop.ask("access")
    assert [one["actor"] for one in result.tables["operators"]] == ["alice", "alice"]
    assert (result.outcome, result.findings[0]["count"]) == (Outcome.HELD_BACK, 1)


def leaks(shop: Shop, *paths: Path) -> AnswerResult:
    return shop.ask("leaks", temp=False, paths=list(paths))


def test_a_workspace_leaks_nothing_by_itself(shop: Shop) -> None:
    result = leaks(shop)
    assert result.tables["leaks"] == []
    assert result.facts["people_looked_for"] == 1
    assert result.facts["files"] > 5


def test_identifiers_and_hashes_are_found_in_every_writing_and_shown_in_none(shop: Shop, tmp_path: Path) -> None:
    digest = hashlib.sha256(ZOE.email.encode()).digest()
    written = {
        "clear.log": f"ERROR for {ZOE.email}!".encode(),
        "wide.txt": ZOE.email.encode("utf-16-le"),
        "hex.json": digest.hex().encode(),
        "upper.json": digest.hex().upper().encode(),
        "base64.sql": base64.b64encode(digest),
        "raw.bin": b"\x00" + digest + b"\x00",
        "innocent.log": b"somebody@example.com " + hashlib.sha256(b"somebody").hexdigest().encode(),
    }
    folder = tmp_path / "n8n"
    folder.mkdir()
    for name, content in written.items():
        (folder / name).write_bytes(content)
    result = leaks(shop, folder)
    assert {Path(line["file"]).name for line in result.tables["leaks"]} == set(written) - {"innocent.log"}
    assert (result.outcome, result.findings[0]["count"]) == (Outcome.HELD_BACK, 6)
    assert digest.hex() not in result.model_dump_json()


def test_the_sources_own_files_are_left_alone(shop: Shop) -> None:
    (shop.folder / "data").mkdir(exist_ok=True)
    (shop.folder / "data" / "contacts_1.csv").write_text(f"email\n{ZOE.email}\n")
    assert leaks(shop).tables["leaks"] == []
    (shop.folder / "data" / "export.csv").write_text(f"email\n{ZOE.email}\n")
    assert [line["file"] for line in leaks(shop).tables["leaks"]] == ["data/export.csv"]


def test_of_a_crowded_temporary_folder_the_newest_files_are_looked_at_and_the_rest_is_counted(
    shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "temp"
    folder.mkdir()
    for age in range(5):
        (folder / f"{age}.log").write_text(f"for {ZOE.email}")
        os.utime(folder / f"{age}.log", (1_000_000 - age, 1_000_000 - age))
    with Workspace.open(shop.folder) as opened, opened.store().read() as connection:
        for limits, seen in (({"temp_files": 2}, 2), ({"temp_bytes": 4 * len(f"for {ZOE.email}")}, 4), ({}, 5)):
            answer = look(opened, connection, sample=1, where=Where((), (), folder, **limits))
            names = [Path(str(line["file"])).name for line in answer.tables["leaks"]]
            assert (names, answer.facts["left_out"]) == ([f"{age}.log" for age in range(seen)], 5 - seen)


@given(
    needles=st.sets(st.binary(min_size=8, max_size=12), min_size=1, max_size=6),
    parts=st.lists(st.binary(max_size=20), max_size=6),
)
def test_needles_are_found_as_a_plain_search_finds_them(needles: set[bytes], parts: list[bytes]) -> None:
    content = b"".join(part + needle for part, needle in zip(parts, sorted(needles), strict=False)) + b"end"
    found = Needles({needle: repr(needle) for needle in needles}).found(io.BytesIO(content))
    plain = {needle: sum(content.startswith(needle, at) for at in range(len(content))) for needle in needles}
    assert found == {repr(needle): count for needle, count in plain.items() if count}


def test_a_needle_across_two_parts_of_a_file_is_found_once() -> None:
    needle = b"across-the-edge"
    content = bytes(CHUNK - 5) + needle + bytes(100) + needle
    assert Needles({needle: "it"}).found(io.BytesIO(content)) == {"it": 2}


def test_short_needles_are_not_looked_for() -> None:
    assert len(Needles({b"short": "it"})) == 0
