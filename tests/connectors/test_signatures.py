"""Signatures of webhooks: each vendor's own, and everything that is not quite one."""

import base64
import hmac
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.signatures import SHOPIFY, WOOCOMMERCE, HubSpot, OverBody, Scheme, StandardWebhooks, Stripe

KEY, OTHER = b"a-secret-of-theirs", b"the-secret-of-before"
NOW = 1_800_000_000
BODY = b'{"id": 7}'

SCHEMES: dict[str, Scheme] = {
    "standard": StandardWebhooks(),
    "stripe": Stripe(),
    "hubspot": HubSpot("https://example.org/v1/inbox/crm"),
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
    "hmac": OverBody("X-Hub-Signature-256", "hex", "sha256="),
}


def mac(message: bytes, key: bytes = KEY) -> bytes:
    return hmac.digest(key, message, "sha256")


def signed(name: str, body: bytes = BODY, *, key: bytes = KEY, at: int = NOW) -> dict[str, str]:
    """The headers that the vendor would send."""
    over_body = base64.b64encode(mac(body, key)).decode()
    stamped = base64.b64encode(mac(f"msg_00000001.{at}.".encode() + body, key)).decode()
    whole = b"POSThttps://example.org/v1/inbox/crm" + body + f"{at}000".encode()
    at_hubspot = base64.b64encode(mac(whole, key)).decode()
    return {
        "standard": {"webhook-id": "msg_00000001", "webhook-timestamp": f"{at}", "webhook-signature": f"v1,{stamped}"},
        "stripe": {"stripe-signature": f"t={at},v0=00,v1={mac(f'{at}.'.encode() + body, key).hex()}"},
        "hubspot": {"x-hubspot-signature-v3": at_hubspot, "x-hubspot-request-timestamp": f"{at}000"},
        "shopify": {"x-shopify-hmac-sha256": over_body},
        "woocommerce": {"x-wc-webhook-signature": over_body},
        "hmac": {"x-hub-signature-256": f"sha256={mac(body, key).hex()}"},
    }[name]


def sent(name: str, headers: Mapping[str, str], body: bytes = BODY, *, now: float = NOW) -> str | None:
    return SCHEMES[name].sent(headers, body, (OTHER, KEY), now)


@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_signed_is_taken_and_nothing_else(name: str) -> None:
    assert sent(name, signed(name))
    assert sent(name, signed(name, key=OTHER)), "the secret of before"
    assert sent(name, signed(name, key=b"somebody else's")) is None
    assert sent(name, signed(name), BODY + b" ") is None
    assert sent(name, {}) is None
    for header, value in signed(name).items():
        for broken in ("", "?", value[:-1], value + "é", value[1:]):
            assert sent(name, {**signed(name), header: broken}) is None, (header, broken)


@pytest.mark.parametrize("name", SCHEMES)
def test_an_old_delivery_is_known_by_its_time_where_that_is_signed(name: str) -> None:
    """And one from the future, too."""
    for seconds, taken in ((300, True), (301, not SCHEMES[name].timed)):
        assert bool(sent(name, signed(name, at=NOW - seconds))) == taken
        assert bool(sent(name, signed(name, at=NOW + seconds))) == taken


@pytest.mark.parametrize("name", SCHEMES)
def test_two_bodies_are_two_deliveries_and_one_sent_again_is_one(name: str) -> None:
    again = sent(name, signed(name, at=NOW - 9))
    assert again == sent(name, signed(name))
    if name != "standard":  # there the sender names it
        assert again != sent(name, signed(name, b"{}"), b"{}")


@pytest.mark.parametrize("name", SCHEMES)
@given(text=st.text(max_size=60))
def test_no_header_breaks_it(name: str, text: str) -> None:
    for header in signed(name):
        assert sent(name, {**signed(name), header: text}) is None
