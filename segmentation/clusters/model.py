"""What a fit leaves: numbers in a file, none of them one person's, named by the hash of its content."""

from typing import ClassVar

from pydantic import Field

from passerelle.segmentation.learning.model import Feature, Fitted, Numbers

NONE = 0
"""The label of people who belong to no group."""


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


class Patch(Numbers):
    """Some people of one group who lie together on a plane: their mean, and how many they are."""

    label: int
    at: tuple[float, float]
    people: int


class Embedding(Numbers):
    """A sample on a plane where neighbours stay neighbours."""

    sample: int
    perplexity: float
    trust: float
    """How many neighbours on the plane are neighbours among the traits: at most 1."""
    patches: list[Patch]


class HiddenStates(Numbers):
    """A hidden Markov model of a journey. Its states are the model's groups, in the order of `labels`."""

    journey: str
    journey_digest: str
    """Of what model.yaml said of the journey."""
    symbols: list[str]
    """What people can be seen in: the journey's states."""
    start: list[float]
    moves: list[list[float]]
    """From each state to each."""
    shows: list[list[float]]
    """Of each state, how likely each symbol is."""
    criterion: dict[int, float]
    """By number of states: the Bayesian information criterion; the smallest is the best."""
    observations: int


class Alignment(Numbers):
    """How labels follow from the model before."""

    previous: str = ""
    kept: dict[int, float] = Field(default_factory=dict)
    """Labels that went on, with the share of the smaller group's people that both have."""
    new: list[int] = Field(default_factory=list)
    ended: list[int] = Field(default_factory=list)


class ClusterModel(Fitted):
    """Groups that were found."""

    again: ClassVar[str] = "passerelle cluster fit NAME"

    format: int = 1
    cluster: str
    seed: int
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
    embedding: Embedding | None = None
    hidden: HiddenStates | None = None
    alignment: Alignment = Field(default_factory=Alignment)
    next_label: int
    minimum_group: int
    notes: list[str] = Field(default_factory=list)

    @property
    def called(self) -> str:
        """See `Fitted`."""
        return self.cluster

    @property
    def order(self) -> tuple[int, ...]:
        """See `Fitted`."""
        return (self.next_label,)

    def group(self, label: int) -> Group | None:
        """The group of a label."""
        return next((group for group in self.groups if group.label == label), None)
