"""The vendors' own clients read the same fakes, and must see the same rows as our connectors."""

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fakes import START, fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.signatures import HubSpot, Scheme, Stripe
from tests.connectors.sources.fake_brevo import KEY as BREVO_KEY
from tests.connectors.sources.fake_brevo import BrevoWorld
from tests.connectors.sources.fake_ga4 import Ga4World
from tests.connectors.sources.fake_hubspot import HubSpotWorld
from tests.connectors.sources.fake_klaviyo import KEY as KLAVIYO_KEY
from tests.connectors.sources.fake_klaviyo import KlaviyoWorld
from tests.connectors.sources.fake_salesforce import TOKEN as SALESFORCE_TOKEN
from tests.connectors.sources.fake_salesforce import SalesforceWorld
from tests.connectors.sources.fake_stripe import KEY as STRIPE_KEY
from tests.connectors.sources.fake_stripe import StripeWorld
from tests.sdk.install import Unavailable, interpreter

pytestmark = [pytest.mark.sdk, pytest.mark.xdist_group("sdk")]
NOW = 1_795_219_200_000_000
READERS, SIGNERS = (Path(__file__).with_name(name) for name in ("readers.py", "signers.py"))
HERE = "https://example.org/v1/inbox/crm"


def seen(vendor: str, url: str, token: str) -> list[list[Any]]:
    """What the vendor's client sees."""
    found: list[list[Any]] = ran(READERS, vendor, url, token)
    return found


def ran(program: Path, *words: str) -> Any:  # noqa: ANN401 - JSON
    """What a program printed that has the vendors' clients."""
    try:
        python = interpreter()
    except Unavailable as problem:
        pytest.skip(str(problem))
    command = [str(python), "-I", str(program), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def ours(world: VendorWorld, name: str, *columns: str) -> list[list[Any]]:
    """Some columns of what our connector reads, as it was sent."""
    resource = next(one for one in world.source.resources if one.name == name)
    pages = list(world.source.pull(resource, None, Context(now=NOW)))
    rows = pa.concat_tables([page.rows for page in pages])
    assert typed(resource.shape, rows, timezone="UTC").bad.num_rows == 0
    return [[row[column] for column in columns] for row in rows.to_pylist()]


def test_hubspots_client_sees_the_same_contacts(tmp_path: Path) -> None:
    world = HubSpotWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    for number in (2, 5):
        world.vendor.held["contacts"][str(number)]["archived"] = True
    wanted = ours(world, "contacts", "id", "email", "modified", "opted_out", "archived")
    *found, (_, total) = seen("hubspot", world.vendor.url, "t1")
    assert [[str(one[0]), *one[1:]] for one in wanted] == found
    assert (len(found), total) == (7, 5)
    world.close()


def test_klaviyos_client_sees_the_same_profiles(tmp_path: Path) -> None:
    world = KlaviyoWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    wanted = ours(world, "profiles", "id", "email", "updated", "by_email", "suppressed")
    found = seen("klaviyo", f"{world.vendor.url}/api", KLAVIYO_KEY)
    assert [[*one[:4], [one[4]]] for one in wanted] == found
    assert len(found) == 7
    world.close()


def test_brevos_client_sees_the_same_contacts_and_blocked_addresses(tmp_path: Path) -> None:
    world = BrevoWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    blocked = {"email": "person.1@example.org", "reason": {"code": "adminBlocked"}, "blockedAt": "2026-11-01T10:00:00Z"}
    world.vendor.put("blocked", "1", blocked)
    wanted = ours(world, "contacts", "id", "email", "modified", "no_email", "no_sms")
    *found, last = seen("brevo", f"{world.vendor.url}/v3", BREVO_KEY)
    assert [[*one[:3], one[3] == "true", one[4] == "true"] for one in wanted] == found
    assert last == ["person.1@example.org", "adminBlocked", "2026-11-01T10:00:00Z"]
    assert [one[0] for one in ours(world, "blocked", "email")] == [last[0]]
    world.close()


def test_simple_salesforce_sees_the_same_contacts(tmp_path: Path) -> None:
    world = SalesforceWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    world.vendor.held["Contact"]["K000002"] |= {"IsDeleted": True, "MasterRecordId": "K000001"}
    wanted = ours(world, "contacts", "id", "email", "changed", "opted_out", "deleted", "merged_into")
    assert wanted == seen("salesforce", world.vendor.url, SALESFORCE_TOKEN)
    assert wanted[2][4:] == ["true", "K000001"]
    world.close()


@pytest.mark.parametrize("more", [{}, {"events": ["view", "cart", "purchase"], "start": "2026-01-01"}])
def test_googles_client_sees_the_same_report(tmp_path: Path, more: dict[str, Any]) -> None:
    world = Ga4World(tmp_path, **more)
    world.vendor.page = 10
    world.put(fakes(world.resource.shape, range(7)))
    wanted = ours(world, "activity", "day", "person", "name", "count", "value")
    request = world.vendor.asked[-1].body.decode()
    world.vendor.let_in = None
    *found, total = seen("ga4", world.vendor.url, request)
    assert [[day.replace("-", ""), *others, str(count), value] for day, *others, count, value in wanted] == found
    assert total == ["total", 7, True]
    world.close()


def test_googles_client_sees_the_same_audience(tmp_path: Path) -> None:
    world = Ga4World(tmp_path, "audience_buyers")
    world.vendor.page = 10
    world.put(fakes(world.resource.shape, range(7)))
    wanted = ours(world, "audience_buyers", "person", "ads")
    request = next(one.body.decode() for one in world.vendor.asked if one.path.endswith("/audienceExports"))
    world.vendor.let_in = None
    *found, total = seen("ga4_audience", world.vendor.url, request)
    assert wanted == found
    assert total == ["total", 7, "ACTIVE"]
    world.close()


def test_stripes_client_sees_the_same_customers_as_they_stand_and_as_they_changed(tmp_path: Path) -> None:
    world = StripeWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    began = int(START.timestamp() * 1e6)
    whole = list(world.source.pull(world.resource, None, Context(now=began)))
    events = list(world.source.pull(world.resource, whole[-1].state, Context(now=began + 10 * 86_400_000_000)))
    found = seen("stripe", world.vendor.url, STRIPE_KEY)
    assert rows(whole, "id", "email", "created", "owes") == found[:7]
    assert rows(events, "happened", "id", "changed") == found[7:]
    assert len(found) == 14
    world.close()


def test_stripes_client_sees_the_same_payments(tmp_path: Path) -> None:
    world = StripeWorld(tmp_path, "charges")
    world.put(fakes(world.resource.shape, range(7)))
    wanted = ours(world, "charges", "id", "customer", "amount", "currency")
    found = seen("stripe", world.vendor.url, STRIPE_KEY)
    assert [[*one[:2], round(float(one[2]) * 100), one[3]] for one in wanted] == found
    assert len(found) == 7
    world.close()


def rows(pages: Sequence[Page], *columns: str) -> list[list[Any]]:
    """Some columns of pages, moments as seconds since 1970."""
    plain = [[row[column] for column in columns] for page in pages for row in page.rows.to_pylist()]
    return [[int(one.timestamp()) if isinstance(one, datetime) else one for one in row] for row in plain]


@pytest.mark.parametrize(("vendor", "scheme"), [("stripe", Stripe()), ("hubspot", HubSpot(HERE))])
def test_a_webhook_that_the_vendors_client_signed_is_taken(vendor: str, scheme: Scheme) -> None:
    body = '{"id": "evt_1", "name": "Zoé"}'
    headers = ran(SIGNERS, vendor, "whsec_a-secret", body, HERE, "1800000000")
    assert scheme.sent(headers, body.encode(), [b"whsec_a-secret"], 1_800_000_000)
    assert scheme.sent(headers, body.encode(), [b"a-secret"], 1_800_000_000) is None
