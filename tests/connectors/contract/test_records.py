"""What records may be, in Python and in YAML, and what follows from them."""

import json
import re
from datetime import datetime
from typing import Annotated, Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.document import described
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.records import Record, Shape, at, shape_of
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Identifier,
    Key,
    Kind,
    Tombstone,
    states,
)
from passerelle.connectors.errors import DefinitionError
from passerelle.privacy.vocabulary import ConsentState, Field, Purpose

ID = {"key": True, "identifier": "external_id"}
TIME = {"event_time": True}


def declared(fields: dict[str, Any], grain: str = "person", **more: str) -> Shape:
    data = {"kind": "x", "grain": grain, "fields": fields, **more}
    return RecordSettings.model_validate_json(json.dumps(data), strict=True).shape()


class Person(Record):
    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("emails", 0, "value")
    opted: Annotated[str | None, Consent(Purpose.EMAIL_MARKETING, states(given=("yes",), withdrawn=("no",)))] = None
    visits: Annotated[int | None, Attribute()] = None
    deleted: Annotated[bool, Tombstone()] = at("is_deleted", default=False)
    updated: Annotated[datetime | None, Cursor()] = at("update_time")


def test_a_typed_record_gives_columns_schema_and_roles() -> None:
    shape = shape_of(Person)
    assert shape.asked == ("id", "emails", "opted", "visits", "is_deleted", "update_time")
    assert shape.keys == ("id",)
    assert shape.identifiers == (("id", Field.EXTERNAL_ID), ("email", Field.EMAIL))
    assert shape.attributes == {"visits": Kind.INTEGER} or shape.schema.field("visits").type == pa.int64()
    assert shape.cursor is not None
    assert shape.cursor.name == "updated"
    assert shape.schema.field("updated").type == pa.timestamp("us", tz="UTC")


def test_yaml_gives_the_same_shapes() -> None:
    shape = declared(
        {
            "customer_id": ID,
            "naissance": {"identifier": ["birth_year", "birth_month", "birth_day"]},
            "ville": {"identifier": "city", "attribute": "string"},
            "spent": {"attribute": "money", "column": "Dépensé (€)"},
            "ads": {
                "consent": {"purpose": "ad_list_matching", "given": ["OUI"], "at": "ads_at", "notice": "ads-2026@1"}
            },
            "ads_at": {"detail": "timestamp"},
            "gone": {"tombstone": ["Supprimé"]},
        }
    )
    assert shape.asked == ("customer_id", "naissance", "ville", "Dépensé (€)", "ads", "ads_at", "gone")
    assert [field for name, field in shape.identifiers if name == "naissance"] == [
        Field.BIRTH_YEAR,
        Field.BIRTH_MONTH,
        Field.BIRTH_DAY,
    ]
    assert shape.attributes == {"ville": Kind.STRING, "spent": Kind.MONEY}
    ((name, consent),) = shape.consents
    assert (name, dict(consent.states), consent.needs) == ("ads", {"oui": ConsentState.GIVEN}, ("ads_at",))


def test_one_column_may_speak_of_several_purposes() -> None:
    both = [{"purpose": "ad_list_matching", "given": ["1"]}, {"purpose": "email_marketing", "given": ["1"]}]
    assert len(declared({"id": ID, "opt": {"consent": both}}).consents) == 2


@pytest.mark.parametrize(
    ("fields", "grain", "said"),
    [
        (
            {"id": ID, "mail": {"identifier": "email", "attribute": "string"}},
            "person",
            "cannot be an attribute in the lake",
        ),
        ({"id": {**ID, "attribute": "string"}}, "person", "cannot be an attribute"),
        ({"id": ID, "x": {"detail": "string"}}, "person", "Nothing rests on the detail x"),
        ({"id": ID, "x": {"detail": "string", "attribute": "string"}}, "person", "is a detail and something else"),
        ({"id": ID, "x": {}}, "person", "x has no role"),
        ({"id": ID, "x": {"tombstone": True, "attribute": "boolean"}}, "person", "the tombstone and attribute"),
        ({"id": ID, "x": {"cursor": "timestamp", "attribute": "date"}}, "person", "it can have one type"),
        ({"id": ID, "a": {"cursor": "date"}, "b": {"cursor": "date"}}, "person", "a and b are both cursor"),
        (
            {"id": ID, "a": {"consent": {"purpose": "ad_list_matching", "given": ["1"], "at": "b"}}},
            "person",
            "rests on b",
        ),
        ({"id": ID, "a": {"consent": {"purpose": "ad_list_matching"}}}, "person", "maps no value"),
        (
            {"id": ID, "a": {"consent": {"purpose": "ad_list_matching", "given": ["x"], "refused": ["X "]}}},
            "person",
            "means two things",
        ),
        ({"mail": {"identifier": "email"}}, "person", "No field is the key"),
        ({"id": {"key": True}}, "person", "No field identifies a person"),
        ({"id": ID, "when": TIME}, "person", "the event's time, but the grain is person"),
        ({"id": {"key": True}, "who": {"identifier": "email"}}, "event", "An event needs its time"),
        ({"id": {"key": True}, "who": {"identifier": "email"}, "when": TIME}, "event", "An event needs one name"),
        (
            {"id": {"key": True}, "mail": {"identifier": "email"}, "m": {"merged_into": True}},
            "person",
            "key must identify",
        ),
        ({"id": ID, "Taille": {"attribute": "string"}}, "person", "cannot be called Taille"),
        ({"id": ID, "at": {"attribute": "string"}}, "person", "cannot be called at"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(fields: dict[str, Any], grain: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(said)) as refused:
        declared(fields, grain)
    assert refused.value.path[0] in {"fields", "consent"}


@pytest.mark.parametrize(
    "role", [{"identifer": "email"}, {"identifier": "e-mail"}, {"attribute": "text"}, {"key": False}]
)
def test_misspelt_roles_are_refused_by_the_model(role: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        declared({"id": ID, "x": role})


def test_the_documentation_says_what_is_read_and_nothing_else() -> None:
    page = described(shape_of(Person))
    assert "| email | emails.0.value | string | identifies the person (email); encrypted in the vault, never" in page
    assert "`no` is ConsentWithdrawn" in page
    assert "a bare flag, which can only veto" in page
    assert page.rstrip().endswith("Nothing else is read.")


def test_fakes_have_the_shapes_columns_and_are_the_same_each_time() -> None:
    shape = shape_of(Person)
    rows = fakes(shape, range(5))
    assert rows.column_names == list(shape.schema.names)
    assert rows.equals(fakes(shape, range(5)))
    assert all(address.endswith("@example.org") for address in rows["email"].to_pylist())
