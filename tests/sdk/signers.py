"""Vendors' own clients, signing a webhook: run by the interpreter that `install.py` made, as a program of its own.

python signers.py VENDOR SECRET BODY URL SECONDS      prints the headers that the vendor would send, as JSON
"""

import json
import sys


def stripe(secret: str, body: str, _url: str, seconds: int) -> dict[str, str]:
    """As Stripe's client signs for tests."""
    from stripe import WebhookSignature

    return {"stripe-signature": WebhookSignature.generate_signature_header(body, secret, seconds)}


def hubspot(secret: str, body: str, url: str, seconds: int) -> dict[str, str]:
    """As HubSpot's client computes what it compares with."""
    from hubspot.utils.signature import Signature

    stamp = f"{seconds}000"
    signature = Signature.get_signature(secret, body, "v3", url, "POST", stamp)
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}


if __name__ == "__main__":
    vendor, key, text, address, at = sys.argv[1:]
    sys.stdout.write(json.dumps({"stripe": stripe, "hubspot": hubspot}[vendor](key, text, address, int(at))))
