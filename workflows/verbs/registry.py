"""Every verb there is, grouped by who uses it."""

from collections.abc import Sequence
from importlib import import_module
from typing import cast

from passerelle.workflows.verbs.contract import AnyVerb

GROUPS: dict[str, tuple[str, ...]] = {
    "Start here": ("init", "demo", "doctor"),
    "For marketers": (
        "segment",
        "traits",
        "cluster",
        "score",
        "journey",
        "funnel",
        "ladder",
        "plan",
        "sync",
        "status",
        "experiment",
    ),
    "Data and consent": ("pull", "quality", "sources", "consent", "normalize"),
    "For auditors and data protection officers": ("audit", "policy", "erase", "evidence", "witness"),
    "For operators and developers": ("keys", "workflows", "serve", "twins", "schema"),
}
"""The panels of `--help`: the first word of each verb."""

MODULES: dict[str, str] = {
    "init": "init",
    "demo": "demo",
    "doctor": "doctor",
    "segment": "segment",
    "thresholds": "segment",
    "rfm": "segment",
    "segment_figures": "segment",
    "segment_report": "segment",
    "snapshot": "segment",
    "versions": "segment",
    "traits": "traits",
    "cluster": "cluster",
    "cluster_runs": "cluster",
    "journey": "journey",
    "funnel": "funnel",
    "ladder": "ladder",
    "score": "score",
    "score_runs": "score",
    "plan": "plan",
    "sync": "sync",
    "status": "status",
    "experiment": "experiment",
    "pull": "pull",
    "quality": "quality",
    "quality_people": "quality",
    "quality_judged": "quality",
    "sources": "sources",
    "consent_import": "consent",
    "consent": "consent",
    "normalize": "normalize",
    "audit": "audit",
    "restore": "audit",
    "policy": "policy",
    "erase": "erase",
    "evidence": "evidence",
    "witness": "witness",
    "keys": "keys",
    "key_copies": "keys",
    "workflows": "workflows",
    "serve": "serve",
    "twins": "twins",
    "schema": "schema",
}
"""Each module, and the first word of its verbs."""


def verbs(first: str | None = None) -> list[AnyVerb]:
    """All verbs, in the order of `MODULES`; with `first`, those of that first word (all, where none has it)."""
    wanted = [name for name, word in MODULES.items() if word == first] or list(MODULES)
    found: list[AnyVerb] = []
    for name in wanted:
        found += cast("list[AnyVerb]", import_module(f"{__package__}.{name}").VERBS)
    return found


def meant(words: Sequence[str]) -> list[AnyVerb]:
    """The verb that `words` begin with; where they begin with none, all verbs of the first word, or all there are.

    A command line pays only for the verbs it may mean: making all of them takes longer than most of them run.
    """
    found = verbs(words[0] if words else None)
    names = {" ".join(words[:1]), " ".join(words[:2])}
    return [verb for verb in found if verb.name in names] or found


def verb(name: str) -> AnyVerb | None:
    """The verb called `name`, such as `consent withdraw`."""
    return next((each for each in verbs(name.partition(" ")[0]) if each.name == name), None)


def group_of(name: str) -> str:
    """The help panel that a verb or a first word stands in."""
    first = name.split(maxsplit=1)[0]
    return next((title for title, words in GROUPS.items() if first in words), "Other")
