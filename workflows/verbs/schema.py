"""`schema`: the JSON Schemas of every file and every verb, for editors, workflows and tests."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings.names import did_you_mean
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.failure import Failure

if TYPE_CHECKING:
    from rich.console import Console


class SchemaRequest(Request):
    """Which schema."""

    name: str | None = Field(
        None,
        description="Which schema, such as `audience` or `sync.result`; without it, the names of all.",
        json_schema_extra={"cli": "argument"},
    )


class SchemaResult(Result):
    """The schemas' names, or nothing where one was streamed."""

    schemas: list[str] = Field(default_factory=list, description="Names to ask for.")


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema called `name`. Raises `DefinitionError` where there is none."""
    from passerelle.workflows.settings.schemas import FILES, file_schema

    if name in FILES:
        return file_schema(name)
    found = _verb_schemas().get(name)
    if found is None:
        raise DefinitionError(
            f"There is no schema of that name.{did_you_mean(name, names())}", advice="See: passerelle schema"
        )
    verb, part = found
    if verb is None:
        model: Any = Failure
    else:
        model = verb.request if part == "request" else verb.result
    mode = "validation" if part == "request" else "serialization"
    schema: dict[str, Any] = model.model_json_schema(mode=mode)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def names() -> list[str]:
    """Every schema's name: files first, then `verb.request` and `verb.result`, with `_` for a verb's space."""
    from passerelle.workflows.settings.schemas import FILES

    return [*FILES, *_verb_schemas()]


def _verb_schemas() -> dict[str, tuple[AnyVerb | None, str]]:
    from passerelle.workflows.verbs.registry import verbs

    found: dict[str, tuple[AnyVerb | None, str]] = {"failure": (None, "result")}
    for verb in verbs():
        for part in ("request", "result"):
            found[f"{verb.name.replace(' ', '_')}.{part}"] = (verb, part)
    return found


def _run(environment: Environment, request: SchemaRequest) -> SchemaResult:
    if request.name is None:
        environment.stdout.write(("\n".join(names()) + "\n").encode())
        return SchemaResult(schemas=names())
    text = json.dumps(schema_of(request.name), indent=2, ensure_ascii=False)
    environment.stdout.write((text + "\n").encode())
    environment.stdout.flush()
    return SchemaResult()


def _render(_result: SchemaResult, _console: "Console") -> None:
    """Nothing: the schema itself went to stdout."""


VERBS: list[AnyVerb] = [
    Verb(
        name="schema",
        help="Print the JSON Schema of a settings file, or of a verb's request or result.",
        request=SchemaRequest,
        result=SchemaResult,
        run=_run,
        render=_render,
        streams=True,
    )
]
