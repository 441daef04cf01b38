"""`sources`: what there is, what it would bring, what it reads. Nothing is kept and no value is shown."""

from pathlib import Path

import pytest

from passerelle.connectors.contract.fake_vendor import Answer
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.sources import (
    DocsRequest,
    ListRequest,
    TestRequest,
    run_docs,
    run_list,
    run_test,
)
from tests.workflows.pulls import CRM, Shop, contact
from tests.workflows.surroundings import surroundings
from tests.workflows.test_pull_side_by_side import Crowd, vendor


def test_sources_are_listed_with_what_they_speak_of(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    result = run_list(surroundings(shop.folder), ListRequest())
    assert [(one.source, one.kind, one.tables) for one in result.sources] == [
        ("crm", "files", ["crm"]),
        ("shop", "sql", ["shop"]),
    ]
    assert result.sources[0].identifiers == ["email", "external_id", "country"]
    assert result.sources[0].consents == ["ad_list_matching (A)"]
    assert {"files", "pipedrive", "rest", "sql"} <= set(result.kinds)


def test_a_test_says_what_would_come_and_keeps_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.contacts([contact(1), contact(2, ads="retiré"), contact(3, ads=""), contact(4, spent="CANARY")])
    result = run_test(surroundings(shop.folder), TestRequest(name="crm"))
    (one,) = result.resources
    assert (result.outcome, one.rows) == (Outcome.DONE, 4)
    assert one.filled["email"] == 4
    assert one.consents == {"ads": {"ConsentGiven": 2, "ConsentWithdrawn": 1, "says nothing": 1}}
    assert one.quarantined == {"not_an_amount": 1}
    assert "CANARY" not in result.model_dump_json()
    assert "example.org" not in result.model_dump_json()
    assert shop.rows("subject", "subject_id") == []
    assert shop.rows("cursor", "source") == []
    shop.close()


@pytest.mark.parametrize(("status", "code"), [(401, 2), (404, 7)])
def test_a_test_of_a_vendor_that_refuses_says_why(tmp_path: Path, status: int, code: int) -> None:
    with Crowd().running() as crowd:
        shop = Shop(tmp_path, {"crm_0": vendor(crowd.url, "crm_0"), "files": CRM})
        crowd.first = [Answer({}, status, {})]
        result = run_test(surroundings(shop.folder), TestRequest(name="crm_0"))
    assert result.exit_code == code
    assert str(status) in result.resources[0].problem


def test_a_page_is_made_from_the_record(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    page = run_docs(surroundings(shop.folder), DocsRequest(name="crm")).page
    assert "| email | email | string | identifies the person (email)" in page
    assert "Evidence A" in page
