"""`audit recipients`: the record of processing (GDPR art. 30), read from the settings that are really in force."""

from typing import TYPE_CHECKING

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.roles import Attribute
from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.vocabulary import Destination
from passerelle.workflows.audit.vendors import line_of
from passerelle.workflows.audit.wire import every_identifier

if TYPE_CHECKING:
    from passerelle.privacy.consent import Policy
    from passerelle.workflows.settings.audience import Audience
    from passerelle.workflows.workspace import Workspace

MEASURES = (
    "Identifiers are kept encrypted (AES-256-GCM), each person's under a key of their own.",
    "Segments are computed on keyed pseudonyms; no identifier is in the tables they read.",
    "Nothing is sent without a decision of the consent gate, made again at the moment of sending.",
    "Identifiers are hashed as the platform asks (SHA-256) in memory, just before they are sent.",
    "Every consent, decision, upload and receipt is an entry of a signed log that cannot be changed unnoticed.",
    "Erasure destroys a person's keys; what is left of them cannot be linked or read.",
)
"""What this program does by itself, in the words of the record."""


def recipients(workspace: "Workspace", policy: "Policy") -> Answer:
    """The record: controller, sources, processing, recipients, transfers, retention, security measures."""
    settings = workspace.settings
    controller = settings.controller
    processing = [
        _processing(workspace, policy, name, audience, destination)
        for name, audience in sorted(workspace.audiences.items())
        for destination in audience.destinations
    ]
    who = [line_of(workspace, name) for name in workspace.destinations]
    return Answer(
        facts={
            "controller": controller.name if controller else None,
            "address": controller.address if controller else None,
            "contact": controller.contact if controller else None,
            "data_protection_officer": controller.dpo if controller else None,
            "categories_of_people": settings.record.people,
            "retention": settings.record.retention or "as long as a source still has the person; see validity below",
            "impact_assessment": settings.record.dpia,
        },
        tables={
            "processing": processing,
            "recipients": [{name: line[name] for name in line if name != "missing"} for line in who],
            "sources": [_source(workspace, name) for name in workspace.sources],
            "security": [{"measure": measure} for measure in (*MEASURES, *settings.record.security)],
        },
        findings=found(
            Found("the record names no controller", int(controller is None)),
            Found("processing without a rule of the policy", sum(not line["basis"] for line in processing)),
        ),
        advice="Name the controller in passerelle.yaml, `controller:`; `passerelle schema project` tells the words.",
    )


def _processing(workspace: "Workspace", policy: "Policy", name: str, audience: "Audience", destination: str) -> Line:
    plugged, segment = workspace.destinations[destination], workspace.segments.get(audience.segment)
    platform = Destination(plugged.kind)
    rules = policy.rules_for(audience.purpose, platform)
    return {
        "audience": name,
        "purpose": audience.purpose.value,
        "people": segment.description if segment else "",
        "destination": destination,
        "basis": sorted({rule.lawful_basis for rule in rules}),
        "jurisdictions": sorted({place for rule in rules for place in rule.jurisdictions}),
        "validity_days": min((rule.validity_days for rule in rules if rule.validity_days), default=None),
        "identifiers": every_identifier(platform),
        "kept_there_days": audience.destinations[destination].retention_days,
    }


def _source(workspace: "Workspace", name: str) -> Line:
    plugged = workspace.sources[name]
    line: Line = {"source": name, "kind": plugged.kind, "identifiers": [], "attributes": [], "consents": []}
    if isinstance(plugged.settings, RecordSettings):
        shape = plugged.settings.shape()
        line["identifiers"] = sorted({field.value for _, field in shape.identifiers})
        line["attributes"] = [field.name for field in shape.fields if field.role(Attribute)]
        line["consents"] = sorted({consent.purpose.value for _, consent in shape.consents})
    return line
