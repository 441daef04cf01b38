"""Writes what each vendor's connector reads into its page in docs/sources: `make generate`.

A page has the two marks; what stands between them is made from the connector's own records, as `sources docs` does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.document import described
from passerelle.connectors.contract.source import Source
from passerelle.workflows.settings.plugins import load

BEGIN, END = "<!-- fields -->", "<!-- /fields -->"
LOGIN = {"token_file": "secrets/token"}
LOGINS = {
    "ga4": {"service_account_file": "secrets/ga4.json"},
    "ga4_export": {"key_file": "secrets/bigquery.json"},
    "salesforce": {"client_file": "secrets/client.json"},
}
"""How a kind is let in that takes no token."""
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "hubspot": {"opt_outs": True},
    "ga4": {"property": "1", "person": "crm_id", "audiences": {"buyers": "7"}},
    "ga4_export": {"url": "bigquery://project/analytics_1", "parameters": {"page_location": "string"}},
    "mailchimp": {"server": "us1", "audiences": {"audience": "id"}},
    "matomo": {
        "server": "https://stats.example.org",
        "site": 1,
        "user_id": "external_id",
        "consent_asked": True,
    },
    "salesforce": {"domain": "acme", "individuals": True, "purposes": {"Newsletter": "email_marketing"}},
    "prestashop": {"shop": "https://shop.example.org"},
    "shopify": {"shop": "shop"},
    "woocommerce": {"shop": "https://shop.example.org"},
}
"""What a kind cannot do without, or shows only where it is set, besides."""


def with_fields(page: str, kind: str) -> str:
    """The page with its tables written anew, between its two marks; as it is where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{fields(kind)}{END}{after}" if begin and end else page


def fields(kind: str) -> str:
    """What the connector reads, with nothing set but how we are let in."""
    source = _made(kind)
    return "".join(f"\n### {one.name}\n\n{described(one.shape)}\n" for one in source.resources)


def rewrite(root: Path) -> None:
    """Write every page of docs/sources anew."""
    for path in sorted((root / "docs" / "sources").glob("*.md")):
        page = path.read_text(encoding="utf-8")
        path.write_text(with_fields(page, path.stem), encoding="utf-8")


def _made(kind: str) -> Source:
    found: Any = load("passerelle.sources", kind)
    settings = found.Settings.model_validate_json(
        json.dumps({"kind": kind, **LOGINS.get(kind, LOGIN), **NEEDED.get(kind, {})}), strict=True
    )
    made: Source = found(kind, settings, folder=Path())
    return made


if __name__ == "__main__":
    rewrite(Path.cwd())
