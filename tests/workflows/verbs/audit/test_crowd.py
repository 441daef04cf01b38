"""The questions asked about many people, on SQLite and on PostgreSQL: same answers, bounded memory."""

import resource
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.crowd import crowd
from tests.workflows.verbs.audit.test_documented import ASKED, WORDS
from tests.workflows.verbs.people import ask

PERSONAL = {"audit person", "audit why"}
MEBIBYTE = 1024


def answers(folder: Path, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Every question that is about no single person, and the page."""
    found = {
        name: ask(folder, name, now=NOW, **WORDS.get(name, {})).model_dump() for name in ASKED if name not in PERSONAL
    }
    found["audit report"] = ask(folder, "audit report", now=NOW, out=tmp_path / "page.html").model_dump()
    return found


def check(found: dict[str, dict[str, Any]], people: int) -> None:
    no, out = people // 10, people // 20
    facts = {name: result.get("facts", {}) for name, result in found.items()}
    assert facts["audit consents"]["statements"] == people + no
    coverage = {line["destination"]: line["allowed"] for line in found["audit consents"]["tables"]["coverage"]}
    assert coverage == {"meta": people - no, "google_ads": people - no}
    assert (facts["audit unlawful"]["members"], facts["audit unlawful"]["unlawful"]) == (people - out, no - out)
    assert facts["audit unlawful"]["people_judged"] == people
    assert facts["audit unlawful"]["wrong_by_what_we_knew_then"] == 0
    assert (facts["audit withdrawals"]["confirmed"], facts["audit withdrawals"]["open"]) == (out, no - out)
    assert facts["audit withdrawals"]["worst_hours"] == 2.0
    assert facts["audit uploads"]["rows"] == people + out
    assert found["audit verify"]["problems"] == []
    assert facts["audit report"]["log_verified"] is True


def test_two_thousand_people(tmp_path: Path) -> None:
    check(answers(crowd(tmp_path / "shop", 2_000), tmp_path), 2_000)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_people_in_bounded_memory(tmp_path: Path) -> None:
    folder = crowd(tmp_path / "shop", 100_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = answers(folder, tmp_path)
    check(found, 100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 * MEBIBYTE
    assert max(len(str(result)) for result in found.values()) < 500_000


@pytest.mark.postgres
def test_the_answers_are_the_same_on_postgresql(tmp_path: Path) -> None:
    from tests.privacy.store.stores import fresh_url

    for url in fresh_url("postgres", tmp_path):
        found = answers(crowd(tmp_path / "shop", 2_000, store_url=url), tmp_path)
        check(found, 2_000)
