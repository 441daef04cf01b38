"""What is particular to Salesforce; what every source does stands in test_conformance.py."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from passerelle.connectors.contract.fake_vendor import Answer
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.salesforce import Salesforce, SalesforceSettings
from tests.connectors.sources.fake_salesforce import JOBS, FakeSalesforce, SalesforceWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SalesforceWorld]:
    made = SalesforceWorld(tmp_path)
    made.put(fakes(made.resource.shape, range(5)))
    yield made
    made.close()


def pull(world: SalesforceWorld, state: Any = None, *, into: list[Page] | None = None, now: int = NOW) -> list[Page]:  # noqa: ANN401 - any state
    found = [] if into is None else into
    again = None if state is None else json.loads(json.dumps(state))
    found.extend(world.source.pull(world.resource, again, Context(now=now)))
    return found


def count(pages: list[Page]) -> int:
    return sum(page.rows.num_rows for page in pages)


def submitted(vendor: FakeSalesforce) -> list[Any]:
    return [one.json for one in vendor.asked if one.path == JOBS]


# --- jobs
def test_deleted_rows_are_asked_for_and_only_named_columns_are(world: SalesforceWorld) -> None:
    state = pull(world)[-1].state
    pull(world, state)
    first, second = submitted(world.fake)
    assert first["operation"] == "queryAll"
    assert first["query"].startswith("SELECT Id, SystemModstamp, IsDeleted, Email, ")
    assert first["query"].endswith(" FROM Contact")
    assert second["query"].endswith(" FROM Contact WHERE SystemModstamp >= 2026-11-20T23:00:00Z")


def test_a_deal_changes_with_its_opportunity_or_with_the_role(tmp_path: Path) -> None:
    world = SalesforceWorld(tmp_path, "deals")
    pull(world, {"until": NOW, "open": False})
    since = "2026-11-20T23:00:00Z"
    asked = submitted(world.fake)[0]["query"]
    assert asked.endswith(f" WHERE (SystemModstamp >= {since} OR Opportunity.SystemModstamp >= {since})")
    world.close()


def test_fewer_rows_than_were_processed_are_a_failure(world: SalesforceWorld) -> None:
    world.fake.announced = 6
    found: list[Page] = []
    with pytest.raises(TryLater, match="announced 6 records and sent 5"):
        pull(world, into=found)
    assert [page.watermark for page in found if page.watermark] == []


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_failed_is_left_and_the_next_pull_submits_another(world: SalesforceWorld, state: str) -> None:
    world.fake.ends = state
    found: list[Page] = []
    with pytest.raises(TryLater, match=r"Salesforce's job for contacts (failed|was stopped)"):
        pull(world, into=found)
    world.fake.ends = "JobComplete"
    assert count(pull(world, found[-1].state)) == 5


def test_a_locator_that_leads_to_itself_is_refused(world: SalesforceWorld) -> None:
    pages = list(world.source.pull(world.resource, None, Context(now=NOW, page_rows=3)))
    part = next(page.state for page in pages if page.state["part"] == "3")
    world.vendor.first = [lambda asked: Answer(world.fake.answer(asked).body, headers={"Sforce-Locator": "3"})]
    with pytest.raises(Refused, match="circle"):
        pull(world, part)


def test_a_field_that_the_user_may_not_see_is_a_mistake_of_the_settings(world: SalesforceWorld) -> None:
    world.fake.unknown = {"HasOptedOutOfEmail"}
    with pytest.raises(DefinitionError) as error:
        pull(world)
    assert error.value.exit_code == 2
    assert "rights" in error.value.advice


# --- limits and tokens
def test_too_many_requests_of_the_day_is_a_403_and_is_for_later(world: SalesforceWorld) -> None:
    exceeded = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
    pull(world)
    world.vendor.first = [Answer(exceeded, 403)] * 5
    with pytest.raises(TryLater, match="slow down"):
        pull(world)
    forbidden = [{"errorCode": "API_DISABLED_FOR_ORG", "message": "The REST API is not enabled"}]
    world.vendor.first = [Answer(forbidden, 403)]
    with pytest.raises(DefinitionError):
        pull(world)


def test_requests_of_the_day_are_left_to_others(world: SalesforceWorld) -> None:
    pull(world)
    assert isinstance(world.source, Salesforce)
    assert world.source.limits["requests"] == "18 of 5000 used today"
    world.vendor.first = [
        lambda asked: Answer(world.fake.answer(asked).body, headers={"Sforce-Limit-Info": "api-usage=4500/5000"})
    ]
    asked = len(world.vendor.asked)
    with pytest.raises(TryLater, match="Nothing is left"):
        pull(world)
    assert len(world.vendor.asked) == asked + 1


@pytest.mark.parametrize(("said", "tokens"), [({}, 2), ({"expires_in": 7200}, 1)])
def test_a_token_that_says_nothing_of_its_end_is_renewed_after_half_an_hour(
    tmp_path: Path, said: dict[str, int], tokens: int
) -> None:
    now = [1000.0]
    with FakeSalesforce().running() as vendor:
        assert isinstance(vendor, FakeSalesforce)
        vendor.lifetime = said
        (tmp_path / "secret").write_text('{"client_id": "c", "client_secret": "s"}', encoding="utf-8")
        (tmp_path / "secret").chmod(0o600)
        plain = {"kind": "salesforce", "domain": "acme", "client_file": "secret", "endpoint": vendor.url}
        settings = SalesforceSettings.model_validate_json(json.dumps({**plain, "allow_private": True}), strict=True)
        clock = Clock(now=lambda: now[0], sleep=lambda _seconds: None)
        source = Salesforce("sf", settings, folder=tmp_path, clock=clock)
        for _ in range(2):
            list(source.pull(source.resources[0], None, Context(now=NOW)))
            now[0] += 1801
    assert sum(one.path == "/services/oauth2/token" for one in vendor.asked) == tokens


@pytest.mark.parametrize(("sandbox", "audience"), [(False, "login"), (True, "test")])
def test_a_statement_is_signed_for_the_login_server(tmp_path: Path, sandbox: bool, audience: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = tmp_path / "jwt.json"
    path.write_text(json.dumps({"client_id": "c", "username": "u@acme.example", "private_key": pem}), encoding="utf-8")
    path.chmod(0o600)
    plain = {"kind": "salesforce", "domain": "acme", "jwt_file": "jwt.json", "sandbox": sandbox}
    form = SalesforceSettings.model_validate_json(json.dumps(plain), strict=True).grant(tmp_path).form(1000.0)
    claims = json.loads(urlsafe_b64decode(form["assertion"].split(".")[1] + "=="))
    wanted = {"iss": "c", "sub": "u@acme.example", "aud": f"https://{audience}.salesforce.com", "exp": 1180}
    assert (form["grant_type"], claims) == ("urn:ietf:params:oauth:grant-type:jwt-bearer", wanted)


# --- consent
def test_a_yes_that_is_yet_to_begin_comes_once_it_has_begun(tmp_path: Path) -> None:
    world = SalesforceWorld(tmp_path, "consents_1")
    row = {"Id": "0ZX1", "PartyId": "0PK1", "PrivacyConsentStatus": "OptIn", "SystemModstamp": "2026-11-01T00:00:00Z"}
    same = {"DataUsePurpose": {"Name": "Newsletter d\\'Acme"}, "IsDeleted": False, "EffectiveTo": None}
    later = {"EffectiveFrom": "2026-11-22T00:00:00Z", "CaptureDate": "2026-11-01T00:00:00Z"}
    world.vendor.put("ContactPointTypeConsent", "1", {**row, **same, **later})
    no = {**row, "Id": "0ZX2", "PrivacyConsentStatus": "OptOut"}
    world.vendor.put("ContactPointTypeConsent", "2", {**no, **same, **later})
    pages = pull(world)
    assert [page.rows["id"].to_pylist() for page in pages if page.rows.num_rows] == [["0ZX2"]]
    pages = pull(world, pages[-1].state, now=NOW + 2 * 86_400_000_000)
    assert sorted(key for page in pages for key in page.rows["id"].to_pylist()) == ["0ZX1", "0ZX2"]
    world.close()


def test_one_way_in_is_needed() -> None:
    for more in ({}, {"client_file": "a", "jwt_file": "b"}):
        with pytest.raises(DefinitionError, match="client_file"):
            SalesforceSettings.model_validate_json(json.dumps({"kind": "salesforce", "domain": "x", **more}))
