"""`audiences/<name>.yaml`: a segment bound to a purpose, destinations, guards and a holdout."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.settings.closed import Closed
from passerelle.workflows.settings.names import Name


def _percent(value: object) -> object:
    """`30%` or 30, as a number of hundredths of a hundred: 30.0."""
    if isinstance(value, str):
        number = value.removesuffix("%").strip()
        if value.endswith("%") and number.replace(".", "", 1).isdecimal() and number.isascii():
            return float(number)
        raise ValueError("must be a share such as `30%`")
    return value


Percent = Annotated[float, BeforeValidator(_percent, json_schema_input_type=float | str), Field(ge=0, le=100)]


Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class Shown(Closed):
    """How the audience stands at one destination. Other people there can see both texts."""

    display_name: str = Field("", max_length=120, description="Its name at the platform; by default the audience's.")
    description: str = Field("", max_length=200, description="A remark at the platform. Never a fact about people.")
    retention_days: int | None = Field(None, ge=1, le=540, description="After how many days the platform forgets.")
    labels: tuple[Label, ...] | None = Field(
        None,
        max_length=5,
        description="The platform's words for this kind of people, such as `high_value_customers`: Meta has them. By "
        "default those of the RFM groups that the segment is made of, if any; `[]` sends none.",
    )


class Holdout(Closed):
    """People kept out on purpose, always the same ones, so that the effect can be measured."""

    percent: Percent = Field(description="How many of a hundred are kept out.")
    salt: str = Field(min_length=1, max_length=64, description="Any word; another word draws other people.")


Worth = Annotated[str, Field(pattern=r"^(score\.)?[a-z0-9_]{1,64}$")]


class Value(Closed):
    """What each person is worth, for platforms that look for people like the best of them."""

    trait: Worth = Field(
        description="A trait of model.yaml that is a number or money, not negative; or a score, `score.NAME`."
    )
    digits: int = Field(
        2,
        ge=1,
        le=6,
        description="Significant digits that are sent: 1234.56 goes as 1200 by two. A value that rounds to what was"
        " sent before is not sent again.",
    )


class Guards(Closed):
    """What holds a plan back until a person has looked."""

    minimum_size: int = Field(100, ge=0, description="Fewer members than this are never sent.")
    maximum_change: Percent | None = Field(30.0, description="A bigger change than this share is held back.")


Replace = Literal["auto", "never", "always"]


class Audience(Closed):
    """`audiences/<name>.yaml`."""

    audience: Name = Field(description="Its name: the file's name.")
    segment: Name = Field(description="Who: a segment.")
    split: Name | None = Field(
        None, description="Only this one of the segment's `splits`: its people stay the same while the salt stays."
    )
    purpose: Purpose = Field(description="What for. Only people who agreed to this purpose are sent.")
    destinations: dict[Name, Shown] = Field(min_length=1, description="Where to: destinations of passerelle.yaml.")
    holdout: Holdout | None = Field(None, description="People kept out to measure the effect.")
    value: Value | None = Field(
        None,
        description="A number sent with each person, as what they are worth; destinations must know values: Meta does."
        " Stands from the audience's first sync on, for its life.",
    )
    replace: Replace = Field(
        "auto",
        description="Whether all members are replaced instead of added and removed one by one. auto: where that is"
        " safer (nobody knows who is there) or takes fewer rows.",
    )
    guards: Guards = Field(default_factory=Guards, description="What holds a plan back.")
