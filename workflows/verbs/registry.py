"""Every verb there is, grouped by who uses it."""

from importlib import import_module
from typing import cast

from passerelle.workflows.verbs.contract import AnyVerb

GROUPS: dict[str, tuple[str, ...]] = {
    "Start here": ("init", "demo", "doctor"),
    "For marketers": ("segment", "plan", "sync", "status"),
    "Data and consent": ("pull", "consent", "normalize"),
    "For auditors and data protection officers": ("audit", "policy", "erase", "evidence", "witness"),
    "For operators and developers": ("keys", "workflows", "serve", "twins", "schema"),
}
"""The panels of `--help`: the first word of each verb."""

MODULES = (
    "init",
    "demo",
    "doctor",
    "segment",
    "plan",
    "sync",
    "status",
    "pull",
    "consent_import",
    "consent",
    "normalize",
    "audit",
    "restore",
    "policy",
    "erase",
    "evidence",
    "witness",
    "keys",
    "key_copies",
    "workflows",
    "serve",
    "twins",
    "schema",
)


def verbs() -> list[AnyVerb]:
    """All verbs, in the order of `MODULES`."""
    found: list[AnyVerb] = []
    for name in MODULES:
        found += cast("list[AnyVerb]", import_module(f"{__package__}.{name}").VERBS)
    return found


def verb(name: str) -> AnyVerb | None:
    """The verb called `name`, such as `consent withdraw`."""
    return next((each for each in verbs() if each.name == name), None)


def group_of(name: str) -> str:
    """The help panel that a verb or a first word stands in."""
    first = name.split(maxsplit=1)[0]
    return next((title for title, words in GROUPS.items() if first in words), "Other")
