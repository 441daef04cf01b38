"""The auditor's questions, one command each. Nothing here writes.

Exit 0: compliant; 3: a finding; 4: the log or the store is not what it was.
"""

from importlib import import_module
from typing import cast

from passerelle.workflows.verbs.contract import AnyVerb

MODULES = ("people", "consents", "sent", "settings", "operations", "integrity", "report", "proofs", "keys", "erasures")
"""One module a theme; each holds `VERBS`."""


def _verbs() -> list[AnyVerb]:
    return [verb for name in MODULES for verb in cast("list[AnyVerb]", import_module(f"{__package__}.{name}").VERBS)]


VERBS: list[AnyVerb] = _verbs()
