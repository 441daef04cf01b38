"""Making a Meta audience, finding it again by our mark, and telling what changed of it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.connectors.destinations.marker import described, mark
from passerelle.connectors.destinations.meta_labels import labels_of
from passerelle.connectors.errors import OutcomeUnknown, Refused

if TYPE_CHECKING:
    from passerelle.connectors.destinations.meta_wire import MetaWire

FIELDS = "id,name,description,audience_labels,is_value_based"
LONGEST_RETENTION = 180
_NO_LABELS = "[]"

Held = Mapping[str, Any]
"""`FIELDS` of an audience, as Meta gives them."""


def marked(wire: "MetaWire", ad_account: str, spec: AudienceSpec) -> Held | None:
    """The audience of the account whose description has our mark."""
    wanted, after = mark(spec), dict[str, str]()
    while True:
        page = wire.get((ad_account, "customaudiences"), fields=FIELDS, limit="200", **after)
        for audience in page.get("data", []):
            if wanted in str(audience.get("description", "")):
                found: Held = audience
                return found
        paging = page.get("paging", {})
        if "next" not in paging:
            return None
        after = {"after": str(paging["cursors"]["after"])}


def create(wire: "MetaWire", ad_account: str, spec: AudienceSpec, source: str) -> str:
    """Make it; its id. `source` is Meta's word for where the people's data comes from."""
    params = {**_told(spec), "subtype": "CUSTOM", "customer_file_source": source}
    if params["audience_labels"] == _NO_LABELS:
        del params["audience_labels"]
    if spec.values:
        params["is_value_based"] = "true"
    if spec.retention_days is not None:
        params["retention_days"] = str(min(spec.retention_days, LONGEST_RETENTION))
    made = wire.change((ad_account, "customaudiences"), params)
    if "id" not in made:
        raise OutcomeUnknown("Meta did not say which audience it created.", advice="Run again: it will be found.")
    return str(made["id"])


def fits(spec: AudienceSpec, held: Held) -> None:
    """Raise `Refused` where the audience there was made for people with values and ours have none, or vice versa."""
    if spec.changes_nothing or bool(held.get("is_value_based")) == spec.values:
        return
    there, here = ("with", "without") if not spec.values else ("without", "with")
    raise Refused(
        f"Meta's audience was made for people {there} values, and yours come {here}.",
        advice="Meta never changes that: give the audience another name, or put `value` as it was.",
    )


def revise(wire: "MetaWire", spec: AudienceSpec, held: Held) -> None:
    """Bring name, description and labels to the spec. Labels that we never set are left alone."""
    if spec.changes_nothing:
        return
    here = {**held, "audience_labels": json.dumps(sorted(held.get("audience_labels") or []))}
    wanted = {name: value for name, value in _told(spec).items() if value != here.get(name, "")}
    if spec.labels is None and not spec.rfm_groups:
        wanted.pop("audience_labels", None)
    if wanted:
        wire.change((str(held["id"]),), wanted)


FLAGGED = "fields_violating_integrity_policy"


def flagged_fields(wire: "MetaWire", remote_id: str) -> list[str]:
    """Which of its fields Meta says are against its integrity policy, as far as it says."""
    told = wire.get((remote_id,), fields=f"id,{FLAGGED}").get(FLAGGED) or []
    return [name for name in map(str, told) if name.isidentifier()] if isinstance(told, list) else []


def _told(spec: AudienceSpec) -> dict[str, str]:
    """What Meta is told of an audience, in its parameters."""
    return {
        "name": spec.display_name or spec.audience,
        "description": described(spec),
        "audience_labels": json.dumps(labels_of(spec)),
    }
