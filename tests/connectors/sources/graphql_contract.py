"""Requests and answers of a fake, held against the vendor's own GraphQL schema.

Documents must be valid by it and ask for nothing deprecated; answers must be what carrying the document out over them
gives: so no field is missing or too many, no null stands where there may be none, and no word is none of a list.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLSchema,
    NoDeprecatedCustomRule,
    build_client_schema,
    execute,
    parse,
    specified_rules,
    validate,
)

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check

TEXT = ("UnsignedInt64", "Decimal", "DateTime", "URL")
"""Scalars of Shopify's that are text, by their descriptions."""


@cache
def schema_of(path: Path) -> GraphQLSchema:
    """A gzipped introspection as a schema."""
    plain = json.loads(gzip.decompress(path.read_bytes()))
    schema = build_client_schema(plain.get("data", plain), assume_valid=True)  # interfaces deprecate less than types
    for name in TEXT:
        schema.type_map[name].coerce_output_value = _text  # type: ignore[attr-defined]  # of a scalar
    return schema


def against_graphql(schema: GraphQLSchema) -> Check:
    """A check of GraphQL over HTTP, and of the files of bulk operations that were submitted."""
    submitted: list[str] = []

    def check(asked: Asked, answer: Answer) -> None:
        if asked.path.startswith("/files/"):
            inner = submitted[int(asked.path.rsplit("/", maxsplit=1)[-1])]
            nodes = [{"node": json.loads(line)} for line in answer.content.splitlines()]
            name = inner.split()[1].partition("(")[0]
            _carried_out(schema, inner, {}, {name: {"edges": nodes}})
        elif asked.path.endswith("/graphql.json"):
            body = asked.json
            if "mutation" in body["query"]:
                submitted.append(body["variables"]["query"])
                _valid(schema, submitted[-1])
            _carried_out(schema, body["query"], body["variables"], json.loads(answer.content)["data"])

    return check


def _valid(schema: GraphQLSchema, document: str) -> None:
    errors = validate(schema, parse(document), [*specified_rules, NoDeprecatedCustomRule])
    if errors:
        raise ValueError(f"{document}: {errors[0].message}")


def _carried_out(schema: GraphQLSchema, document: str, variables: dict[str, Any], data: Any) -> None:  # noqa: ANN401 - any JSON
    _valid(schema, document)
    done: Any = execute(schema, parse(document), root_value=data, variable_values=variables)
    if done.errors:
        raise ValueError(f"{done.errors[0].path}: {done.errors[0].message}")
    if done.data != data:
        raise ValueError(f"asked for {done.data}, answered {data}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
