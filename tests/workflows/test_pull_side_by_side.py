"""Ten vendors in one pull, one of them failing."""

import threading
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.workflows.pull import Seams
from passerelle.workflows.pull.readers import AT_ONCE
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.pull import PullRequest, run
from tests.workflows.pulls import CRM, Shop, contact
from tests.workflows.surroundings import surroundings

FIELDS = {
    "id": {"key": True},
    "email": {"identifier": "email"},
    "tier": {"attribute": "string"},
    "updated": {"cursor": "timestamp"},
}


class Crowd(FakeVendor):
    """Many vendors at one address, told apart by the first part of the path."""

    page = 2
    broken_one = ""

    def __init__(self) -> None:
        super().__init__()
        self.inside = self.most = 0
        self._count = threading.Lock()
        self.gate: threading.Barrier | None = None

    def handle(self, asked: Asked) -> Answer:
        with self._count:
            self.inside += 1
            self.most = max(self.most, self.inside)
        if self.gate is not None and "cursor" not in asked.query:
            self.gate.wait(timeout=20)
        try:
            return super().handle(asked)
        finally:
            with self._count:
                self.inside -= 1

    def answer(self, asked: Asked) -> Answer:
        name = asked.path.split("/")[1]
        if name == self.broken_one and asked.query.get("cursor") == "2":
            return Answer({}, 404)
        found, following = self.cursor_page(self.held[name], asked, since="since", moment="updated")
        return Answer({"data": found, "next": following or None})


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    with made.running():
        yield made


def vendor(url: str, name: str) -> dict[str, Any]:
    return {
        "kind": "rest",
        "url": f"{url}/{name}",
        "path": "people",
        "records": "data",
        "paging": {"cursor": {"at": "next", "parameter": "cursor"}},
        "query": {"since": "{since}"},
        "quota": {"requests": 1000},
        "allow_private": True,
        "grain": "person",
        "fields": deepcopy(FIELDS),  # YAML would write the same object as an anchor
    }


def opened(folder: Path, crowd: Crowd, count: int, **more: Any) -> Shop:  # noqa: ANN401
    names = [f"crm_{number}" for number in range(count)]
    for name in names:
        for number in range(5):
            record = {"id": f"{name}/{number}", "email": f"{name}.{number}@example.org", "tier": "a"}
            crowd.put(name, str(number), {**record, "updated": "2026-11-01T00:00:00Z"})
    return Shop(folder, {**{name: vendor(crowd.url, name) for name in names}, **more})


def test_of_ten_sources_one_fails_and_nine_are_in(tmp_path: Path, crowd: Crowd) -> None:
    shop = opened(tmp_path, crowd, 9, files=CRM)
    shop.contacts([contact(1)])
    crowd.broken_one = "crm_4"
    result = run(surroundings(shop.folder), PullRequest())
    assert (result.outcome, result.exit_code) == (Outcome.REFUSED, 7)
    assert [one.source for one in result.sources] == [*(f"crm_{number}" for number in range(9)), "files"]
    failed = [one.source for one in result.sources if one.outcome is not Outcome.DONE]
    assert failed == ["crm_4"]
    assert [one.rows for one in result.sources] == [5, 5, 5, 5, 2, 5, 5, 5, 5, 1]
    assert [one.new_people for one in result.sources] == [5, 5, 5, 5, 2, 5, 5, 5, 5, 1]

    crowd.broken_one, before = "", len(crowd.asked)
    again = run(surroundings(shop.folder), PullRequest())
    assert (again.outcome, again.exit_code) == (Outcome.DONE, 0)
    assert [one.rows for one in again.sources] == [0, 0, 0, 0, 3, 0, 0, 0, 0, 0]
    asked = [one for one in crowd.asked[before:] if one.path.startswith("/crm_4/")]
    assert [one.query["cursor"] for one in asked] == ["2", "4"]
    assert all(len(shop.lake(f"crm_{number}")) == 5 for number in range(9))
    shop.close()


def test_vendors_are_asked_side_by_side_and_no_more_than_so_many(tmp_path: Path, crowd: Crowd) -> None:
    shop = opened(tmp_path, crowd, AT_ONCE + 2)
    crowd.gate = threading.Barrier(2)  # nobody is answered before somebody else asks
    report = shop.pull()
    assert report.error is None
    assert sum(one.rows for one in report.sources) == 5 * (AT_ONCE + 2)
    assert 2 <= crowd.most <= AT_ONCE
    shop.close()


def test_a_pull_that_dies_among_threads_goes_on_where_each_of_them_was(tmp_path: Path, crowd: Crowd) -> None:
    shop = opened(tmp_path, crowd, 4)

    class Died(BaseException):
        """As a kill would be."""

    steps: list[str] = []

    def fault(step: str) -> None:
        steps.append(step)
        if steps.count("rows staged") == 6:
            raise Died

    with pytest.raises(Died):
        shop.pull(seams=Seams(page_rows=2, fault=fault))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pull ")]
    shop.pull(seams=Seams(page_rows=2))
    found = [row for number in range(4) for row in shop.lake(f"crm_{number}", "subject_id")]
    assert len(found) == len(set(found)) == 20
    shop.close()
