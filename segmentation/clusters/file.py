"""clusters/*.yaml: which traits people are alike in, among whom, by which method, and how sure it must be."""

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.conditions import Condition
from passerelle.segmentation.language.words import Closed, Name, Number, complaint
from passerelle.segmentation.learning.traits import Learned

Method = Literal["kmeans", "hierarchical", "dbscan", "hdbscan", "hidden_states"]
COUNTED: frozenset[Method] = frozenset({"kmeans", "hierarchical", "hidden_states"})
"""Methods that are told how many groups to find."""

SAMPLES: dict[Method, int] = {
    "kmeans": 1_000_000,
    "hierarchical": 10_000,
    "dbscan": 50_000,
    "hdbscan": 20_000,
    "hidden_states": 2_000,
}
"""How many people a method looks at by default: what it does in seconds and without gigabytes."""


class Range(Closed):
    """From how many groups to how many; the number is suggested by the data."""

    from_: int = Field(alias="from", ge=2, le=30, description="At least so many.")
    to: int = Field(ge=2, le=30, description="At most so many.")

    @model_validator(mode="after")
    def _rising(self) -> "Range":
        if self.to < self.from_:
            raise PydanticCustomError("range", "is empty: `to` must be at least `from`")
        return self


class Pca(Closed):
    """Look at the main directions in which people differ, instead of at each trait."""

    keep: Number = Field(
        Decimal("0.85"), ge=0.5, le=1, description="As many directions as explain this share of the variance."
    )


class Embedded(Closed):
    """A sample drawn on a plane by t-SNE, for the report. It takes seconds to a minute, and decides nothing."""

    sample: int = Field(2_000, ge=100, le=5_000, description="How many people at most.")
    perplexity: Number = Field(Decimal(30), ge=5, le=100, description="About how many neighbours each person has.")


class Stability(Closed):
    """Whether the same groups are found when chance picks other people: the adjusted Rand index, at most 1."""

    rounds: int = Field(20, ge=5, le=200, description="How many times it is tried.")
    at_least: Number = Field(
        Decimal("0.7"), ge=0, le=1, description="Below this, segments that rest on the groups are held back."
    )


def _named(value: object) -> object:
    # Keys of YAML are text; labels are numbers.
    if isinstance(value, dict):
        for key, name in value.items():
            if not str(key).isascii() or not str(key).isdecimal() or int(str(key)) < 1:
                raise complaint("names", "leads from a group's number to its name: `{1: loyal}`")
            if isinstance(name, str) and name.isdecimal():
                raise complaint("names", "has a number for a name, which would be taken for another group's")
        if len(set(map(str, value.values()))) < len(value):
            raise complaint("names", "gives two groups the same name")
        return {int(str(key)): name for key, name in value.items()}
    return value


class ClusterFile(Closed):
    """`clusters/<name>.yaml`: groups to be found in the data."""

    version: Literal[1] = Field(1, description="The version of this language.")
    cluster: Name = Field(description="Its name: the file's name.")
    description: str = Field("", max_length=400, description="What it is for, for readers.")
    traits: dict[str, Learned] = Field(
        default_factory=dict,
        max_length=30,
        description="Traits of model.yaml that people are alike in, and how each counts; not for hidden_states.",
    )
    journey: str | None = Field(
        None, description="hidden_states: the journey of model.yaml, with named states, that people go."
    )
    population: Condition | None = Field(
        None, description="Among whom: a condition such as `{in_segment: buyers}`; by default everybody."
    )
    method: Method = Field("kmeans", description="How groups are found.")
    groups: Annotated[int, Field(ge=2, le=30)] | Range | None = Field(
        None, description="How many groups, or `{from: 2, to: 10}`; not for dbscan and hdbscan, which find that out."
    )
    eps: Number | None = Field(None, gt=0, description="dbscan: how near neighbours are; by default read off the data.")
    neighbours: int | None = Field(
        None, ge=2, le=10_000, description="dbscan: so many make a place dense. hdbscan: the smallest group."
    )
    pca: Pca | None = Field(None, description="Look at the main directions instead of at each trait.")
    seed: int = Field(1, ge=0, le=2**31, description="Where chance begins: the same seed, the same groups.")
    sample: int | None = Field(None, ge=100, description="How many people at most are looked at to find the groups.")
    stability: Stability = Field(default_factory=Stability, description="How sure the groups must be.")
    embedding: Embedded | None = Field(
        None, description="`{}`: the report draws a sample by t-SNE, in patches of `minimum_group` people or more."
    )
    minimum_group: int = Field(10, ge=5, description="Fewer people than this are no group, and are never shown.")
    names: Annotated[
        dict[int, Name],
        BeforeValidator(_named),
        WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
    ] = Field(default_factory=dict, description="Names of groups, by number: `{1: loyal_families}`.")

    @model_validator(mode="after")
    def _fitting(self) -> "ClusterFile":
        counted, ways = self.method in COUNTED, self.method == "hidden_states"
        if ways != (self.journey is not None):
            raise complaint(
                "groups", "needs a `journey`" if ways else f"takes no `journey`: {self.method} looks at traits"
            )
        if ways == bool(self.traits):
            raise complaint("groups", "takes no `traits`: it looks at a journey" if ways else "needs `traits`")
        if ways and (self.pca is not None or self.embedding is not None):
            raise complaint("groups", "takes neither `pca` nor `embedding`: a journey has no directions")
        if counted and self.groups is None:
            raise PydanticCustomError("groups", "needs `groups`: a number, or a range such as `{from: 2, to: 10}`")
        if not counted and self.groups is not None:
            raise complaint("groups", f"takes no `groups`: {self.method} finds out how many there are")
        if self.eps is not None and self.method != "dbscan":
            raise complaint("groups", f"takes no `eps`: that is dbscan's, and this is {self.method}")
        if self.neighbours is not None and counted:
            raise complaint(
                "groups", f"takes no `neighbours`: that is dbscan's and hdbscan's, and this is {self.method}"
            )
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what a fit finds: not the description, names, gates and pictures."""
        decides = self.model_dump(mode="json", exclude={"description", "names", "stability", "version", "embedding"})
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def name_of(self, label: int) -> str:
        """A group's name, or else its number."""
        return self.names.get(label, str(label))

    @property
    def most(self) -> int:
        """How many people are looked at, at most."""
        return self.sample or SAMPLES[self.method]
