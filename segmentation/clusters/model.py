"""What a fit leaves: numbers in a file, none of them one person's, named by the hash of its content."""

import hashlib
import json
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from passerelle.privacy.errors import IntegrityError

NONE = 0
"""The label of people who belong to no group."""


class Numbers(BaseModel):
    """Base of every part of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Feature(Numbers):
    """One column of the matrix: (f(value) - centre) / spread, where f is the logarithm or whether it is `category`."""

    trait: str
    category: str | None = None
    log: bool = False
    fill: str | bool | float | None = None
    centre: float = 0.0
    spread: float = 1.0

    @property
    def shown(self) -> str:
        """What readers call it."""
        return self.trait if self.category is None else f"{self.trait} = {self.category}"


class Axes(Numbers):
    """Directions in which people differ most. `loadings` are turned by varimax; `directions` are not."""

    mean: list[float]
    directions: list[list[float]]
    """One row per direction, one number per feature."""
    shares: list[float]
    """Of the variance, per direction."""
    loadings: list[list[float]]
    """One row per feature, one number per direction."""
    turned_shares: list[float]
    """Of the variance, per turned direction."""


class Criteria(Numbers):
    """What speaks for how many groups: by number of groups, on a sample."""

    groups: list[int]
    within: list[float]
    """Sum of squared distances to the group's middle."""
    silhouette: list[float]
    gap: list[float]
    gap_error: list[float]
    elbow: int
    best_silhouette: int
    best_gap: int
    suggested: int
    reason: str


class TraitFigures(Numbers):
    """One trait in one group. `mean` and `median` in the units that people write; of categories `mean` is the share."""

    feature: str
    mean: float
    median: float
    difference: float
    """Of the group's mean from everybody's, in everybody's standard deviations, after logarithms."""


class Group(Numbers):
    """One group as it was found."""

    label: int
    size: int
    """Of the people who were looked at."""
    centre: list[float]
    """The mean of its features."""
    figures: list[TraitFigures]
    words: str
    middle: tuple[float, float]
    """On the plane of the two first directions."""
    spread: tuple[float, float, float]
    """There: variance across, variance up, covariance."""


class Comparison(Numbers):
    """Whether groups differ in one trait, and how much. Effects are shares of what people differ in, 0 to 1."""

    trait: str
    anova: float | None
    anova_p: float | None
    eta_squared: float
    welch: float | None
    """None where a group does not vary at all: there is no such test then. So of the others."""
    welch_p: float | None
    kruskal: float | None
    kruskal_p: float | None
    epsilon_squared: float


class Tree(Numbers):
    """The last merges of a hierarchy, as lines: four points each."""

    across: list[list[float]]
    heights: list[list[float]]
    leaves: list[int]
    """People under each leaf; 0 where they are too few to be shown."""


class Alignment(Numbers):
    """How labels follow from the model before."""

    previous: str = ""
    kept: dict[int, float] = Field(default_factory=dict)
    """Labels that went on, with the share of the smaller group's people that both have."""
    new: list[int] = Field(default_factory=list)
    ended: list[int] = Field(default_factory=list)


class ClusterModel(Numbers):
    """A fitted model. The same inputs give the same bytes."""

    format: int = 1
    cluster: str
    definition: str
    """Digest of what was asked."""
    snapshot: str
    """Digest of the data that was looked at."""
    as_of: int
    """µs since 1970 UTC."""
    seed: int
    made_with: dict[str, str]
    """Versions of what computed it."""
    method: str
    settings: dict[str, float]
    people: int
    """In the population, with every value."""
    sampled: int
    left_out: int
    """Of the population, for a missing value."""
    features: list[Feature]
    axes: Axes
    reduced: bool
    """Whether distances are measured along the axes."""
    points: list[list[float]]
    """Whoever is nearest to one belongs to its group. Each is the mean of at least `minimum_group` people."""
    labels: list[int]
    """Of each point."""
    reach: dict[int, float]
    """Per label, how far a person may be; without one, however far."""
    groups: list[Group]
    silhouette: float
    calinski_harabasz: float
    stability: float
    agreement: float
    """Adjusted Rand index between the method's own groups and those by nearest point."""
    criteria: Criteria | None = None
    neighbour_distances: list[float] = Field(default_factory=list)
    """dbscan: distances to the last neighbour that counts, rising, a hundred of them."""
    comparisons: list[Comparison] = Field(default_factory=list)
    tree: Tree | None = None
    alignment: Alignment = Field(default_factory=Alignment)
    next_label: int
    minimum_group: int
    notes: list[str] = Field(default_factory=list)

    def to_bytes(self) -> bytes:
        """The file's content."""
        written = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False
        )
        return written.encode() + b"\n"

    @property
    def version(self) -> str:
        """SHA-256 of the file's content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, content: bytes, version: str) -> Self:
        """The model of a file that is called `version`. Raises `IntegrityError` where it is another one."""
        if hashlib.sha256(content).hexdigest() != version:
            raise IntegrityError(
                "A fitted model is not what its fit wrote.", advice="Fit it again: `passerelle cluster fit NAME`."
            )
        return cls.model_validate_json(content)

    def group(self, label: int) -> Group | None:
        """The group of a label."""
        return next((group for group in self.groups if group.label == label), None)


def short(number: float) -> float:
    """A number to 12 digits: what lies beyond them depends on the machine."""
    return float(f"{number:.12g}")
