"""What a workspace says of a vendor's REST API."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from passerelle.connectors.contract.access import TokenFrom
from passerelle.connectors.contract.declared import RecordSettings, one_or_several
from passerelle.connectors.contract.durations import DURATION
from passerelle.connectors.contract.graphql import FIELDS
from passerelle.connectors.errors import DefinitionError

MOMENTS = ("since", "since_date", "since_seconds", "since_milliseconds", "until", "until_date")
COLUMNS = "fields"
WORDS = (*MOMENTS, COLUMNS)
"""What may stand in braces in a query's values."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_WRITES = re.compile(r"^\s*(mutation|subscription)\b", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")


_Values = Annotated[
    Annotated[str, Tag("one")] | Annotated[tuple[str, ...], Tag("several")], Discriminator(one_or_several)
]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HeaderLogin(TokenFrom):
    """A token in a header."""

    name: str = Field("Authorization", min_length=1, description="The header's name.")
    prefix: str = Field("", description="What stands before the token, such as `Bearer ` with its blank.")


class BasicLogin(_Closed):
    """HTTP Basic."""

    user: TokenFrom = Field(description="The user's name; where the API key is the user, this is the key.")
    password: TokenFrom | None = Field(None, description="The password; none where the key is the user.")


class OAuthLogin(_Closed):
    """A token that ends, and is renewed in time."""

    token_url: str = Field(pattern=r"^https?://[^\s@]+$", description="Where tokens are asked for.")
    file: Path = Field(
        description="JSON of mode 0600: client_id, client_secret and, for `refresh_token`, refresh_token."
    )
    grant: Literal["refresh_token", "client_credentials"] = Field(description="What a token is asked for with.")
    scope: str = Field("", description="For client_credentials: what for.")


class Login(_Closed):
    """How we are let in: exactly one of these."""

    header: HeaderLogin | None = None
    basic: BasicLogin | None = None
    oauth: OAuthLogin | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.header, self.basic, self.oauth)) != 1:
            raise DefinitionError("Give one of `header`, `basic` or `oauth`.", path=("authentication",))
        return self


class CursorPaging(_Closed):
    """The answer names the next page by a token."""

    at: str = Field(min_length=1, description="Where in the answer, such as meta.next_cursor.")
    parameter: str = Field(min_length=1, description="The parameter that it is sent back as.")


class NumberPaging(_Closed):
    """Pages are counted."""

    parameter: str = Field("page", min_length=1, description="The parameter of the page's number.")
    size: int = Field(ge=1, le=100_000, description="Records on a full page; one that is not full is the last.")
    size_parameter: str | None = Field(None, description="The parameter of the size, if it is to be sent.")
    start: int = Field(1, ge=0, le=1, description="The first page's number.")


class OffsetPaging(_Closed):
    """Records are counted."""

    parameter: str = Field("offset", min_length=1, description="The parameter of the first record's number.")
    size: int = Field(ge=1, le=100_000, description="Records on a full page; one that is not full is the last.")
    size_parameter: str = Field("limit", min_length=1, description="The parameter of the size.")


class LinkPaging(_Closed):
    """The next page is a link."""

    at: str | None = Field(None, description="Where in the answer; by default the Link header, rel=next.")


class RangePaging(_Closed):
    """Records are asked for by number in the header Range."""

    size: int = Field(ge=1, le=100_000, description="Records to ask for at a time.")
    unit: str = Field("records", min_length=1, description="The word before the numbers.")


class Paging(_Closed):
    """How the vendor pages: exactly one of these."""

    cursor: CursorPaging | None = None
    number: NumberPaging | None = None
    offset: OffsetPaging | None = None
    link: LinkPaging | None = None
    range: RangePaging | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.cursor, self.number, self.offset, self.link, self.range)
        if sum(one is not None for one in given) != 1:
            raise DefinitionError("Give one of `cursor`, `number`, `offset`, `link` or `range`.", path=("paging",))
        return self


class Limit(_Closed):
    """How much may be asked: a rate, or the headers that say what remains; without either we find out by ourselves."""

    requests: int | None = Field(None, ge=1, description="So many requests …")
    seconds: float = Field(1.0, gt=0, description="… in so many seconds.")
    remaining: str | None = Field(None, description="The header that says how many requests remain.")
    reset: str | None = Field(None, description="The header that says when they are filled up again.")
    unit: Literal["seconds", "milliseconds", "epoch"] = Field("seconds", description="How `reset` is to be read.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.requests is None and self.remaining is None:
            raise DefinitionError("Give `requests` (and `seconds`), or `remaining`.", path=("quota",))
        return self


class RestSettings(RecordSettings):
    """`kind: rest`."""

    kind: Literal["rest"]
    url: str = Field(pattern=r"^https?://[^\s@]+$", description="The address that all paths begin with.")
    path: str = Field(min_length=1, description="The path of the records, such as contacts.")
    records: str = Field(
        "", description="Where the records stand in the answer, such as data.items; empty: it is the list."
    )
    authentication: Login | None = Field(None, description="How we are let in.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="Other headers, such as an API version. No secret."
    )
    query: dict[str, _Values] = Field(
        default_factory=dict,
        description="Parameters; a list sends one several times. {since}, {until} (2026-02-03T10:12:00Z), {since_date},"
        " {since_seconds} and {since_milliseconds} are filled in; what names a since is left out of a first pull."
        " {fields} is the names of the columns.",
    )
    graphql: str | None = Field(
        None,
        description="A GraphQL query to post instead; `...fields` in it stands for the columns. Its variables are"
        " `query` and the paging's parameters.",
    )
    paging: Paging | None = Field(None, description="How it pages; by default everything comes at once.")
    count: str = Field("", description="Where it says how many there are in all: meta.total, or header:x-total-count.")
    quota: Limit | None = Field(None, description="How much may be asked; by default we find out.")
    overlap: str = Field("1h", pattern=DURATION, description="How far behind the last pull to read again.")
    sparse: bool = Field(False, description="It leaves out what is empty, so a missing field means nothing.")
    allow_private: bool = Field(False, description="The address stands inside the house, and is meant to.")

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        for name in self.query:
            for word in _BRACES.findall(" ".join(self.values(name))):
                if word not in WORDS:
                    raise DefinitionError(
                        f"The query's {name} has a word in braces that is not known.",
                        advice=f"Known are {', '.join(f'{{{one}}}' for one in WORDS)}.",
                        path=("query", name),
                    )
        since = any("{since" in value for name in self.query for value in self.values(name))
        if self.shape().cursor is None and since:
            raise DefinitionError(
                "The query says since when, but no field is the cursor.",
                advice="Mark the field that grows with each change: `cursor: timestamp`.",
                path=("query",),
            )
        return self

    @model_validator(mode="after")
    def _a_document(self) -> Self:
        if self.graphql is None:
            return self
        if _WRITES.search(self.graphql):
            advice = "A source only reads: describe a query."
            raise DefinitionError("The GraphQL document is no query.", advice=advice, path=("graphql",))
        if FIELDS not in self.graphql:
            advice = f"Write `{FIELDS}` where a record's fields stand: they follow from the columns."
            raise DefinitionError("The GraphQL query names its fields itself.", advice=advice, path=("graphql",))
        if self.paging is not None and (self.paging.link is not None or self.paging.range is not None):
            advice = "GraphQL pages by variables: `cursor`, `number` or `offset`."
            raise DefinitionError("A GraphQL query has no headers to page by.", advice=advice, path=("paging",))
        for name, one in self.fields.items():
            if not all(map(_NAME.fullmatch, (one.column or name).split("."))):
                advice = "Names are of letters, digits and _, with a dot between one and what is within it."
                raise DefinitionError(f"GraphQL has no field called {name}.", advice=advice, path=("fields", name))
        return self

    def values(self, name: str) -> tuple[str, ...]:
        """A parameter's values."""
        said = self.query[name]
        return (said,) if isinstance(said, str) else said
