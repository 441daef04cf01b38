"""Requests and answers of a fake, held against the vendor's own OpenAPI description.

The descriptions are data that the vendors publish; they are no part of this project. They are looked for in the folder
that PASSERELLE_SPECS names, or beside the repository; where one is absent the test is skipped, and says so.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check
from tests.connectors.sources.deviations import DEVIATIONS

SPECS = Path(os.environ.get("PASSERELLE_SPECS", Path(__file__).parents[4] / "shared" / "specs"))


def against(name: str, *, paths: tuple[str, ...] = ()) -> Check:
    """A check of everything against the description in the file `name`, or against its part about `paths`.

    What the vendor is known to do otherwise stands in `deviations.py`.
    """
    known = DEVIATIONS[name]
    openapi, server = _described(name, paths, unsecured="security" in known.otherwise)

    def check(asked: Asked, answer: Answer) -> None:
        head, query = dict(asked.headers), dict(asked.query)
        for several in sorted({*known.lists} & {*query}) or [""]:
            for value in query.get(several, "").split(","):
                one = {**query, **({several: value} if several else {})}
                sent = _as_described(asked.body, known.otherwise)
                request = MockRequest(server, asked.method, asked.path, headers=head, args=one, data=sent)
                openapi.validate_request(request)
        body = json.dumps(_without(json.loads(answer.content), known.nullable)).encode()
        kind = answer.headers.get("content-type", "application/json")
        openapi.validate_response(request, MockResponse(body, status_code=answer.status, content_type=kind))

    return check


@cache
def _described(name: str, paths: tuple[str, ...], *, unsecured: bool) -> tuple[OpenAPI, str]:
    path = SPECS / name
    if not path.exists():
        pytest.skip(f"the vendor's description {name} is not in {SPECS.name}/")
    text = path.read_text(encoding="utf-8")
    plain: dict[str, Any] = json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
    if "swagger" in plain:
        plain = _in_the_new_form(plain)
    bare = _part(_without_empty_examples(plain), paths) if paths else _without_empty_examples(plain)
    parts = urlsplit(plain["servers"][0]["url"])
    return OpenAPI.from_dict(_without_security(bare) if unsecured else bare), f"{parts.scheme}://{parts.netloc}"


def _without(value: Any, nullable: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _without(one, nullable) for name, one in value.items() if one is not None or name not in nullable}
    return [_without(one, nullable) for one in value] if isinstance(value, list) else value


def _as_described(body: bytes, otherwise: Mapping[str, str]) -> bytes | None:
    if not body:
        return None
    sent = json.loads(body)
    return json.dumps({name: [] if name in otherwise else value for name, value in sent.items()}).encode()


def _without_empty_examples(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """HubSpot's descriptions say `"example": null` everywhere, which is an example of nothing."""
    if isinstance(value, dict):
        found = {name: _without_empty_examples(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if name != "example" or one is not None}
    return [_without_empty_examples(one) for one in value] if isinstance(value, list) else value


def _without_security(description: dict[str, Any]) -> dict[str, Any]:
    for operations in description["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    return description


def _part(description: dict[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    """Some paths and the components that they need: descriptions are large, and faulty in other places."""
    kept = {path: description["paths"][path] for path in paths}
    held = description.get("components", {})
    components: dict[str, dict[str, Any]] = {"securitySchemes": held.get("securitySchemes", {})}
    waiting: list[Any] = [kept]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
            if isinstance(one.get("$ref"), str):
                _, _, kind, name = one["$ref"].split("/")
                if name not in components.setdefault(kind, {}):
                    components[kind][name] = held[kind][name]
                    waiting.append(components[kind][name])
        elif isinstance(one, list):
            waiting.extend(one)
    return {**description, "paths": kept, "components": components}


def _in_the_new_form(swagger: dict[str, Any]) -> dict[str, Any]:
    """A Swagger 2 description as OpenAPI 3, as far as reading lists needs it."""
    paths: dict[str, Any] = {}
    for path, operations in swagger["paths"].items():
        asked = operations.get("get")
        if asked is not None:
            answers = {
                str(status): {
                    "description": "",
                    "content": {"application/json": {"schema": one["schema"]}} if "schema" in one else {},
                }
                for status, one in asked["responses"].items()
            }
            paths[path] = {
                "get": {"parameters": [_parameter(one) for one in asked["parameters"]], "responses": answers}
            }
    server = f"https://{swagger['host']}{swagger['basePath']}"
    return {"openapi": "3.0.3", "info": {"title": "", "version": ""}, "servers": [{"url": server}], "paths": paths}


def _parameter(one: dict[str, Any]) -> dict[str, Any]:
    of = {"name", "in", "required"}
    schema = {name: value for name, value in one.items() if name in {"type", "format", "enum", "items"}}
    style = {"style": "form", "explode": False} if one.get("type") == "array" else {}
    return {**{name: value for name, value in one.items() if name in of}, **style, "schema": schema}
