"""What may be asked from afar: verbs that say so themselves, and of their requests only names and harmless switches.

Files, guard overrides and anything else of a request stay with whoever sits at the machine.
"""

import json
from dataclasses import dataclass
from typing import Any

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.requests import from_json
from passerelle.workflows.verbs.contract import AnyVerb

FIELDS: dict[str, frozenset[str]] = {
    "audit unlawful": frozenset(),
    "audit uploads": frozenset({"audience", "destination"}),
    "audit verify": frozenset(),
    "audit withdrawals": frozenset({"sla"}),
    "doctor": frozenset({"local"}),
    "plan": frozenset({"audiences"}),
    "pull": frozenset({"sources"}),
    "segment list": frozenset(),
    "segment preview": frozenset({"name", "by", "as_of"}),
    "status": frozenset({"run", "offline"}),
    "sync": frozenset({"audiences", "removals_only", "wait"}),
}
"""The verbs that the runner may run, and the fields of their requests that a caller may set."""

_LONGEST_LIST = 200
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Allowed:
    """A request that may be run: the verb and its canonical JSON."""

    verb: AnyVerb
    request: bytes
    names: frozenset[str]
    """The audiences or sources it is about; none named means all of them."""


def address(verb: str) -> str:
    """The path of a verb: `audit verify` is at /v1/audit/verify."""
    return "/v1/" + verb.replace(" ", "/")


def routes(verbs: list[AnyVerb]) -> dict[str, AnyVerb]:
    """The verbs that may be called, by path."""
    return {address(verb.name): verb for verb in verbs if verb.remote and verb.name in FIELDS}


def allowed(verb: AnyVerb, body: bytes) -> Allowed:
    """Check a body against the verb's request and the list above. Raises `DefinitionError`, which quotes nothing."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise DefinitionError("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise DefinitionError("The body is not a JSON object.")
    if set(given) - FIELDS[verb.name]:
        fields = ", ".join(sorted(FIELDS[verb.name])) or "none"
        raise DefinitionError(f"`{verb.name}` takes only these fields here: {fields}.")
    if not all(_harmless(value) for value in given.values()):
        raise DefinitionError("Names are small letters, digits and underscores.")
    request = json.dumps(given, sort_keys=True).encode()
    from_json(verb, request)
    return Allowed(verb, request, frozenset(given.get("audiences") or given.get("sources") or ()))


def _harmless(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool | int | float):
        return True
    if isinstance(value, list):
        return len(value) <= _LONGEST_LIST and all(isinstance(each, str) and _harmless(each) for each in value)
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isascii() and _is_name(value)


def _is_name(value: str) -> bool:
    return value.replace("_", "").replace("-", "").isalnum() or value == ""
