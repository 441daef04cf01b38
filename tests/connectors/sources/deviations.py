"""Where vendors differ from their own descriptions, and what of our fakes no description holds: reviewed, in one place.

`against` of `openapi.py` looks here. Whoever adds a line says where it is known from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Known = Mapping[str, str]
"""What, and where that is known from."""


@dataclass(frozen=True, slots=True)
class Deviations:
    """Of one description.

    `nullable`: members that are sent as null although the description says otherwise. `lists`: parameters that take
    several values by commas although it has room for one; each value is checked on its own. `otherwise`: members of
    request bodies that the guides send in another form, which are left out of the comparison; "security" among them:
    how we are let in.
    """

    nullable: Known = field(default_factory=dict)
    lists: Known = field(default_factory=dict)
    otherwise: Known = field(default_factory=dict)


_HUBSPOT = Deviations(
    otherwise={
        "sorts": "the guide on searches sends objects of propertyName and direction; the description has text",
        "security": "the guides send `Authorization: Bearer`; the description has a header `private-app`, or OAuth",
    }
)
DEVIATIONS = {
    "hubspot_contacts_2026-09.json": _HUBSPOT,
    "hubspot_subs_2026-09.json": _HUBSPOT,
    "klaviyo.json": Deviations(
        lists=dict.fromkeys(("fields[profile]", "fields[event]", "additional-fields[profile]"), "a list, by commas")
    ),
    "mailchimp_members.yml": Deviations(lists={"fields": "a list, by commas"}),
    "pipedrive_v2.yml": Deviations(
        nullable={
            "org_id": "the SDK's changelog of version 32.0.0: nullable, to match real API behaviour",
            "next_cursor": "the description of the field itself: null at the end",
            "won_time": "its example",
        },
        lists={"status": "its own text: several may be given, by commas"},
    ),
}

CHECKED_ELSEWHERE = {
    "brevo": "Brevo publishes no description; its client reads contacts and blocked addresses (tests/sdk). Its list of"
    " events is held to its reference alone.",
    "ga4": "Google publishes messages, no OpenAPI: reports and exports are parsed whole by its own client (tests/sdk).",
    "salesforce": "Salesforce publishes no description of Bulk 2.0; simple-salesforce reads the fake (tests/sdk).",
    "shopify": "Shopify publishes its schema of GraphQL, not OpenAPI: each document is carried out over the answer by"
    " that schema (test_shopify.py). Bodies of its webhooks are held to its reference alone.",
    "stripe": "Stripe's description is larger than what can be had here; its client reads the fake (tests/sdk).",
}
"""Vendors without an OpenAPI description, and what holds their fakes instead."""

UNCHECKED = {
    "matomo": "No description; its code cannot be installed here, as its packages are on no registry that can be"
    " reached. The fake follows Matomo's source and reference.",
    "prestashop": "No description and no client for Python; the fake follows its reference and its source.",
    "woocommerce": "No description; its client only carries requests. The fake follows its reference.",
}
"""Vendors whose fakes nothing of theirs holds, and why."""
