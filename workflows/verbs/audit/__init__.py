"""The auditor's questions, one command each. Nothing here writes.

Exit 0: compliant; 3: a finding; 4: the log or the store is not what it was.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from passerelle.workflows.verbs.contract import AnyVerb

MODULES = ("people", "consents", "sent", "settings", "operations", "integrity", "report", "proofs", "keys", "erasures")
"""One module a theme; each holds `VERBS`."""


def _verbs() -> list[AnyVerb]:
    found: list[AnyVerb] = []
    for name in MODULES:
        module = f"{__package__}.{name}"
        if find_spec(module) is not None:
            found += cast("list[AnyVerb]", import_module(module).VERBS)
    return found


VERBS: list[AnyVerb] = _verbs()
