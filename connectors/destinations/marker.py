"""How our audiences are known at a platform, should the record of their id be lost: a mark in the description."""

from passerelle.connectors.contract.destination import AudienceSpec

MARK = "[passerelle:"
"""How every mark begins."""


def mark(spec: AudienceSpec) -> str:
    """The mark of an audience. Others at the platform can read it; it says nothing of people."""
    return f"{MARK}{spec.audience}]"


def described(spec: AudienceSpec) -> str:
    """The description with its mark."""
    return f"{spec.description} {mark(spec)}".strip()
