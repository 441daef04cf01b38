"""Notices: what people were told when they were asked, version by version.

A consent counts only under a version that names the purpose and the recipient. A version is never edited: what
somebody agreed to stays as it was, and a changed text is a new version.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Destination, Purpose

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


class Version(BaseModel):
    """One version of a notice, as it was shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: int = Field(ge=1, le=99_999, description="Grows by one with every change of text, purpose or recipient.")
    language: str = Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="Language of the text, such as `fr`.")
    text: str = Field(min_length=1, description="The text, word for word, as people saw it.")
    purposes: Annotated[tuple[Purpose, ...], AfterValidator(_different)] = Field(
        min_length=1, description="What the text says the data is used for."
    )
    recipients: Annotated[tuple[Destination, ...], AfterValidator(_different)] = Field(
        description="The platforms that the text names as recipients; may be empty."
    )
    valid_from: date = Field(description="First day (UTC) on which it was shown.")
    valid_to: date | None = Field(None, description="Last day (UTC) on which it was shown; empty while it still is.")
    collection_code_sha256: Sha256 | None = Field(None, description="SHA-256 of the form's code: evidence.")
    screenshot_sha256: Sha256 | None = Field(None, description="SHA-256 of a dated screenshot: evidence.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("`valid_to` lies before `valid_from`")
        return self

    @property
    def first_instant(self) -> int:
        """The first microsecond (UTC) at which it was shown."""
        return _midnight(self.valid_from)

    @property
    def last_instant(self) -> int | None:
        """The last microsecond (UTC) at which it was shown, or None while it still is."""
        return None if self.valid_to is None else _midnight(self.valid_to + timedelta(days=1)) - 1


class Notice(Version):
    """`notices/<id>.yaml`: the version shown now, and the earlier ones that consents still rest on."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Its name: the file's name.")
    earlier: tuple[Version, ...] = Field((), description="Earlier versions, unchanged.")

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        numbers = [self.version, *(one.version for one in self.earlier)]
        if len(set(numbers)) != len(numbers) or max(numbers) != self.version:
            raise ValueError("`version` must be greater than every earlier version, and each must have its own number")
        return self

    def versions(self) -> Mapping[str, Version]:
        """Every version by its reference, such as `ads-2026@1`."""
        now = Version.model_validate(self.model_dump(exclude={"id", "earlier"}))
        return {f"{self.id}@{one.version}": one for one in (*self.earlier, now)}


def by_reference(notices: Iterable[Notice]) -> dict[str, Version]:
    """Every version of every notice by reference. Raises `DefinitionError` where two files hold the same one."""
    found: dict[str, Version] = {}
    for notice in notices:
        for reference, version in notice.versions().items():
            if reference in found:
                raise DefinitionError(f"Two notices are called {reference}.", advice="Give one of them another id.")
            found[reference] = version
    return found


def notice_digest(reference: str, version: Version) -> str:
    """The digest that stands in the log: over everything that was shown, and the reference."""
    return digest({"notice": reference, **version.model_dump(mode="json", exclude_none=True)})


def _midnight(day: date) -> int:
    delta = datetime(day.year, day.month, day.day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return delta // timedelta(microseconds=1)
