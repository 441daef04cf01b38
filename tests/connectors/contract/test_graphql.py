"""What a record asks of a GraphQL vendor."""

from typing import Annotated

from passerelle.connectors.contract.graphql import selection
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.roles import Attribute, Identifier, Key
from passerelle.privacy.vocabulary import Field


class Customer(Record):
    id: Annotated[str, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("defaultEmailAddress", "emailAddress")
    state: Annotated[str | None, Attribute()] = at("defaultEmailAddress", "marketingState")
    again: Annotated[str | None, Attribute()] = at("defaultEmailAddress", "marketingState")
    unread: str | None = None


class Listed(Record):
    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("emails", 0, "value")


def test_a_record_asks_for_its_own_fields_once_each() -> None:
    assert selection(shape_of(Customer)) == "id defaultEmailAddress { emailAddress marketingState }"


def test_a_list_is_asked_for_whole() -> None:
    assert selection(shape_of(Listed)) == "id emails { value }"
