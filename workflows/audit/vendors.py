"""What is on file about each recipient: terms, the arrangement between controllers, the impact assessment."""

from typing import TYPE_CHECKING, Any

from passerelle.connectors.destinations.endpoint import is_loopback
from passerelle.privacy.audit.answer import Answer, Found, Line, found

if TYPE_CHECKING:
    from passerelle.workflows.settings.loaded import Plugged
    from passerelle.workflows.workspace import Workspace

NEEDED = {
    "terms_accepted": "when the platform's customer list terms were accepted",
    "joint_controllers": "the arrangement of joint controllers (GDPR art. 26)",
    "dpia": "the impact assessment that covers it",
}
"""What must be on file before people are sent, by its name under `vendors:`."""


def vendors(workspace: "Workspace") -> Answer:
    """`audit vendors`: a line per destination. A local twin receives nobody, so nothing is due for it."""
    lines = [line_of(workspace, name) for name in workspace.destinations]
    return Answer(
        facts={"recipients": len(lines), "local_twins": sum(line["local_twin"] for line in lines)},
        tables={"vendors": lines},
        findings=found(
            Found("recipients without everything that must be on file", sum(bool(line["missing"]) for line in lines))
        ),
        advice="Write it into passerelle.yaml under `vendors:`; `passerelle schema project` tells its words.",
    )


def line_of(workspace: "Workspace", name: str) -> Line:
    """What is on file about one destination, and what is missing."""
    plugged, vendor = workspace.destinations[name], workspace.settings.vendors.get(name)
    terms = getattr(plugged.settings, "terms_accepted", None)
    held: Line = {
        "terms_accepted": (vendor and vendor.terms_accepted) or (terms and terms.on) or None,
        "terms_accepted_by": (vendor and vendor.terms_accepted_by) or (terms and terms.by) or "",
        "joint_controllers": vendor.joint_controllers if vendor else "",
        "dpia": (vendor and vendor.dpia) or workspace.settings.record.dpia,
    }
    if held["terms_accepted"] is not None:
        held["terms_accepted"] = held["terms_accepted"].isoformat()
    twin = is_twin(plugged)
    return {
        "destination": name,
        "platform": plugged.kind,
        "entity": vendor.entity if vendor else "",
        **held,
        "transfers": vendor.transfers if vendor else "",
        "local_twin": twin,
        "missing": [] if twin else [word for word in NEEDED if not held[word]],
    }


def is_twin(plugged: "Plugged") -> bool:
    """Whether a destination's calls all end on this machine."""
    one, many = getattr(plugged.settings, "endpoint", None), getattr(plugged.settings, "endpoints", None)
    if many is not None:
        return bool(getattr(many, "local", False))
    return isinstance(one, str) and is_loopback(one)


def reminders(workspace: "Workspace") -> list[tuple[str, str]]:
    """For `doctor`: each destination with something missing, and what."""
    told: list[tuple[str, str]] = []
    for name in workspace.destinations:
        missing: list[Any] = line_of(workspace, name)["missing"]
        if missing:
            told.append((name, "; ".join(NEEDED[word] for word in missing)))
    return told
