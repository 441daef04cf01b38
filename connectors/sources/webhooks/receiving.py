"""What every inbox does: check who signed a delivery, and find the records in its body."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from passerelle.connectors.contract.access import TokenFrom
from passerelle.connectors.contract.paging import HEADER
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.signatures import SHOPIFY, WOOCOMMERCE, HubSpot, OverBody, Scheme, StandardWebhooks, Stripe

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

BODY = "body:"
_SCHEMES: Mapping[str, Scheme] = {
    "standard": StandardWebhooks(),
    "stripe": Stripe(),
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
}


class SignatureSettings(TokenFrom):
    """How deliveries are signed, and with which secret."""

    scheme: Literal["standard", "stripe", "hubspot", "shopify", "woocommerce", "hmac"] = Field(
        description="Whose way of signing; `standard`: Standard Webhooks; `hmac`: HMAC-SHA256 of the body in a header."
    )
    header: str | None = Field(None, min_length=1, description="For `hmac`: the header's name.")
    encoding: Literal["base64", "hex"] = Field("base64", description="For `hmac`: how the signature is written.")
    prefix: str = Field("", description="For `hmac`: what stands before it, such as `sha256=`.")
    url: str | None = Field(
        None, pattern=r"^https?://[^\s@]+$", description="For `hubspot`: the address that HubSpot was told to send to."
    )
    previous: TokenFrom | None = Field(None, description="The secret of before, as long as some still sign with it.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.scheme == "hmac") != (self.header is not None):
            raise DefinitionError("`header` belongs to the scheme `hmac`, which needs it.", path=("header",))
        if (self.scheme == "hubspot") != (self.url is not None):
            raise DefinitionError("`url` belongs to the scheme `hubspot`, which needs it.", path=("url",))
        return self

    def made(self) -> Scheme:
        """As a value."""
        if self.header is not None:
            return OverBody(self.header, self.encoding, self.prefix)
        if self.url is not None:
            return HubSpot(self.url)
        return _SCHEMES[self.scheme]

    def keys(self, folder: Path) -> list[bytes]:
        """The secrets, read anew. Raises `DefinitionError` where one is not there."""
        ways: list[TokenFrom] = [self, *([self.previous] if self.previous is not None else [])]
        return [way.secret(folder)().encode() for way in ways]


class InboxSettings(SourceSettings):
    """What every inbox says of its deliveries."""

    signature: SignatureSettings = Field(description="How deliveries are signed.")
    records: str = Field(
        "",
        description="Where the record, or a list of them, is in the body, such as data.object; empty: it is the body.",
    )
    only: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Records to take, by values of a place in them, of body:PLACE or header:NAME; others are left.",
    )


@dataclass(frozen=True, slots=True, repr=False)
class Delivery:
    """One body that was signed, and its headers, their names in small letters. `identity` tells it from others."""

    identity: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """One record of a delivery, where it stood, and the delivery's whole body."""

    place: str
    plain: Any
    headers: Mapping[str, str]
    body: object

    def value(self, column: str) -> object:
        """What stands at `header:NAME`, at `body:PLACE`, or at a place in the record; None where nothing does."""
        if column.startswith(HEADER):
            return self.headers.get(column.removeprefix(HEADER).lower())
        if column.startswith(BODY):
            return _at(self.body, column.removeprefix(BODY))
        return _at(self.plain, column)


class Receiver:
    """Takes deliveries for the source called `name`."""

    def __init__(self, name: str, settings: InboxSettings, folder: Path) -> None:
        self._name = name
        self._settings = settings
        self._folder = folder
        self._scheme = settings.signature.made()

    def signed(self, headers: Mapping[str, str], body: bytes, now: float) -> Delivery | None:
        """The delivery, if its signature fits; `now` in seconds since 1970. Raises `DefinitionError` without secret."""
        identity = self._scheme.sent(headers, body, self._settings.signature.keys(self._folder), now)
        return None if identity is None else Delivery(identity, headers, body)

    def received(self, deliveries: Sequence[Delivery], lost: list[tuple[str, str, str]]) -> Iterator[Received]:
        """The records that are meant. What is none is added to `lost`: place, field, reason."""
        for delivery in deliveries:
            place = f"delivery {hashlib.sha256(delivery.identity.encode()).hexdigest()[:16]}"
            try:
                body = json.loads(delivery.body, parse_constant=_no_number)
            except (ValueError, RecursionError):
                lost.append((place, "", "not_json"))
                continue
            found = _at(body, self._settings.records)
            for number, plain in enumerate(found if isinstance(found, list) else [found], 1):
                one = Received(f"{place} record {number}", plain, delivery.headers, body)
                if any(str(one.value(column)) not in values for column, values in self._settings.only.items()):
                    continue
                if isinstance(plain, dict):
                    yield one
                else:
                    lost.append((one.place, "", "not_a_record"))

    def check(self) -> "list[Check]":
        """The secrets are there."""
        from passerelle.connectors.contract.destination import Check

        try:
            self._settings.signature.keys(self._folder)
        except DefinitionError as problem:
            return [Check(f"source {self._name}", "failed", problem.message, problem.advice)]
        told = f"`passerelle serve` takes its deliveries at /v1/inbox/{self._name}."
        return [Check(f"source {self._name}", "ok", told)]


def _at(value: object, place: str) -> object:
    """What stands at a dotted place; the whole where it is empty, None where there is nothing."""
    for step in place.split(".") if place else ():
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _no_number(_name: str) -> float:
    raise ValueError
