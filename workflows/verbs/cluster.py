"""`cluster fit · show`: groups that are found in the data, and how sure they are."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.clusters.work import Told


class FitRequest(Request):
    """Which cluster, and from when."""

    name: str = Field(description="The cluster: a file of clusters/.", json_schema_extra={"cli": "argument"})
    as_of: str | None = Field(None, description=AS_OF)


class ShowRequest(Request):
    """Which cluster."""

    name: str = Field(description="The cluster: a file of clusters/.", json_schema_extra={"cli": "argument"})


class GroupFigure(Part):
    """One trait in one group."""

    trait: str
    mean: float = Field(description="Of a category: the share of people who have it.")
    median: float
    difference: float = Field(description="From everybody's mean, in standard deviations, after logarithms.")


class FoundGroup(Part):
    """One group."""

    label: int
    name: str
    size: int | None = Field(description="People; null where they are too few to be shown.")
    share: float | None = Field(description="Of all who belong to a group.")
    words: str = Field(description="What makes it different.")
    traits: list[GroupFigure]


class NumberOfGroups(Part):
    """What speaks for one number of groups, on a sample."""

    groups: int
    within: float = Field(description="Sum of squared distances to the groups' middles: where it bends is the elbow.")
    silhouette: float = Field(description="-1 to 1: how much nearer people are to their own group than to the next.")
    gap: float = Field(description="Gap statistic: against people without groups.")
    gap_error: float


class TraitTest(Part):
    """Whether groups differ in one trait. Effects are shares, 0 to 1."""

    trait: str
    anova_f: float | None
    anova_p: float | None
    eta_squared: float
    welch_f: float | None
    welch_p: float | None
    kruskal_h: float | None
    kruskal_p: float | None
    epsilon_squared: float


class Loading(Part):
    """One trait's part in each of the main directions, turned by varimax."""

    trait: str
    loadings: list[float]


class HiddenState(Part):
    """One hidden state of a journey."""

    name: str = Field(description="Of its group.")
    shows: dict[str, float] = Field(description="How likely somebody in it is seen in each of the journey's states.")
    moves: dict[str, float] = Field(description="How likely their next step is in each state, by name of its group.")


class FittedResult(Result):
    """A fitted model."""

    cluster: str = ""
    version: str = Field("", description="SHA-256 of the model's file.")
    as_of: str = Field("", description="Of the people who were looked at, UTC.")
    method: str = ""
    settings: dict[str, float] = Field(default_factory=dict, description="As asked for, or read off the data.")
    seed: int = 0
    people: int = 0
    sampled: int = Field(0, description="Of them, those who were looked at to find the groups.")
    left_out: int = Field(0, description="For a missing value.")
    stability: float = Field(0, description="Adjusted Rand index: whether chance finds the same groups again.")
    stable: bool = False
    silhouette: float = 0
    calinski_harabasz: float = 0
    agreement: float = Field(
        0, description="Adjusted Rand index of the method's own groups and those by nearest point."
    )
    suggested: int | None = Field(None, description="How many groups the data speaks for.")
    reason: str = ""
    numbers: list[NumberOfGroups] = Field(default_factory=list)
    groups: list[FoundGroup] = Field(default_factory=list)
    tests: list[TraitTest] = Field(default_factory=list)
    directions: list[float] = Field(default_factory=list, description="Share of the variance of each main direction.")
    loadings: list[Loading] = Field(default_factory=list)
    states: list[HiddenState] = Field(default_factory=list, description="Of hidden states.")
    criterion: dict[int, float] = Field(
        default_factory=dict, description="Of hidden states: the Bayesian information criterion by their number."
    )
    went_on: list[int] = Field(default_factory=list, description="Labels that go on from the model before.")
    new: list[int] = Field(default_factory=list)
    ended: list[int] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


def run_fit(environment: Environment, request: FitRequest) -> FittedResult:
    """Look at everybody, find the groups, and put the model into use."""
    from passerelle.workflows.clusters.work import fit_cluster
    from passerelle.workflows.sensitive import warnings_of
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        at = as_of(workspace, request.as_of, now)
        found = fit_cluster(workspace, request.name, as_of=at, now=now, progress=environment.progress)
        return _fitted(found, warnings_of(workspace, f"clusters/{request.name}.yaml"))


def run_show(environment: Environment, request: ShowRequest) -> FittedResult:
    """The model in use."""
    from passerelle.workflows.clusters.work import told
    from passerelle.workflows.engine import instant
    from passerelle.workflows.sensitive import warnings_of
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        found = told(workspace, request.name, instant(None, environment.now()))
        return _fitted(found, warnings_of(workspace, f"clusters/{request.name}.yaml"))


def held_back(found: "Told") -> dict[str, object]:
    """What a result says besides: held back, with what to do, where segments may not rest on the model."""
    if found.unfit is None:
        return {}
    return {"outcome": Outcome.HELD_BACK, "exit_code": EXIT_CODES[Outcome.HELD_BACK], "advice": str(found.unfit)}


def _fitted(found: "Told", flagged: list[str]) -> FittedResult:
    from passerelle.privacy.audit.times import iso

    model, file = found.model, found.file
    everybody = sum(group.size for group in model.groups)
    criteria = model.criteria
    return FittedResult(
        **held_back(found),
        cluster=model.cluster,
        version=model.version,
        as_of=iso(model.as_of),
        stable=model.stability >= float(file.stability.at_least),
        suggested=criteria.suggested if criteria else None,
        reason=criteria.reason if criteria else "",
        numbers=[
            NumberOfGroups(groups=n, within=w, silhouette=s, gap=g, gap_error=e)
            for n, w, s, g, e in zip(
                criteria.groups, criteria.within, criteria.silhouette, criteria.gap, criteria.gap_error, strict=True
            )
        ]
        if criteria
        else [],
        groups=[
            FoundGroup(
                label=group.label,
                name=file.name_of(group.label),
                size=group.size,
                share=group.size / everybody,
                words=group.words,
                traits=[
                    GroupFigure(trait=each.feature, **each.model_dump(exclude={"feature"})) for each in group.figures
                ],
            )
            for group in model.groups
        ],
        tests=[
            TraitTest(
                trait=each.trait,
                anova_f=each.anova,
                welch_f=each.welch,
                kruskal_h=each.kruskal,
                **each.model_dump(exclude={"trait", "anova", "welch", "kruskal"}),
            )
            for each in model.comparisons
        ],
        directions=model.axes.turned_shares,
        loadings=[
            Loading(trait=feature.shown, loadings=row)
            for feature, row in zip(model.features, model.axes.loadings, strict=True)
        ],
        states=_states(found),
        criterion=model.hidden.criterion if model.hidden else {},
        went_on=sorted(model.alignment.kept),
        new=model.alignment.new,
        ended=model.alignment.ended,
        notes=[*model.notes, *flagged],
        **model.model_dump(include=set(_AS_THEY_ARE)),
    )


def _states(found: "Told") -> list[HiddenState]:
    hidden = found.model.hidden
    if hidden is None:
        return []
    named = {place: found.file.name_of(label) for place, label in enumerate(found.model.labels) if label}
    return [
        HiddenState(
            name=name,
            shows=dict(zip(hidden.symbols, hidden.shows[place], strict=True)),
            moves={other: hidden.moves[place][at] for at, other in named.items()},
        )
        for place, name in named.items()
    ]


_AS_THEY_ARE = (
    "method", "settings", "seed", "people", "sampled", "left_out", "stability", "silhouette", "calinski_harabasz",
    "agreement",
)  # fmt: skip


# --- as people read it
def render_fitted(result: FittedResult, console: "Console") -> None:
    """The groups in words, then what speaks for their number, then where they differ."""
    from passerelle.workflows.verbs.tables import number, table

    groups = table(f"Groups of {result.cluster}", ("Group",), ("People", "Share"), ("What makes it different",))
    for each in result.groups:
        name = each.name if each.name == str(each.label) else f"{each.label} {each.name}"
        groups.add_row(name, number(each.size or 0), f"{100 * (each.share or 0):.0f} %", each.words)
    console.print(groups, markup=False)
    if result.numbers:
        lines = table("How many groups", ("Groups",), ("Within", "Silhouette", "Gap", "Error"))
        for each_number in result.numbers:
            mark = "  <- suggested" if each_number.groups == result.suggested else ""
            figures = (f"{each_number.within:.4g}", f"{each_number.silhouette:.3f}", f"{each_number.gap:.3f}")
            lines.add_row(f"{each_number.groups}{mark}", *figures, f"{each_number.gap_error:.3f}")
        console.print(lines, markup=False)
        console.print(result.reason, markup=False)
    if result.states:
        _render_states(result, console)
    tests = table("Where they differ", ("Trait",), ("Eta squared", "Welch's p", "Kruskal's p", "Epsilon squared"))
    for test in result.tests:
        tests.add_row(
            test.trait, f"{test.eta_squared:.2f}", _p(test.welch_p), _p(test.kruskal_p), f"{test.epsilon_squared:.2f}"
        )
    console.print(tests, markup=False)
    gate = "stable" if result.stable else "NOT STABLE"
    console.print(
        f"Stability {result.stability:.2f} ({gate}), silhouette {result.silhouette:.2f}, {number(result.sampled)} of "
        f"{number(result.people)} people looked at, {number(result.left_out)} left out for a missing value.",
        markup=False,
    )
    if result.went_on or result.new or result.ended:
        said = (("go on", result.went_on), ("are new", result.new), ("ended", result.ended))
        told = "; ".join(f"{', '.join(map(str, labels))} {word}" for word, labels in said if labels)
        console.print(f"Labels against the model before: {told}.", markup=False)
    for note in result.notes:
        console.print(f"Note: {note}", style="yellow", markup=False)


def _render_states(result: FittedResult, console: "Console") -> None:
    """Two tables of shares, and what speaks for their number."""
    from passerelle.workflows.verbs.tables import table

    shows = {state.name: state.shows for state in result.states}
    moves = {state.name: state.moves for state in result.states}
    for title, rows in (("What each state shows", shows), ("Where each state leads", moves)):
        heads = tuple(next(iter(rows.values())))
        lines = table(title, ("State",), heads)
        for name, shares in rows.items():
            lines.add_row(name, *(f"{100 * shares[head]:.0f} %" for head in heads))
        console.print(lines, markup=False)
    said = "; ".join(f"{many}: {value:,.0f}" for many, value in sorted(result.criterion.items()))
    console.print(f"Bayesian information criterion by number of states (the least is best): {said}.", markup=False)


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - as p is written


VERBS: list[AnyVerb] = [
    Verb(
        name="cluster fit",
        help="Find groups of people who are alike, say how sure they are, and put them into use.",
        request=FitRequest,
        result=FittedResult,
        run=run_fit,
        render=render_fitted,
        remote=True,
        recorded=True,
    ),
    Verb(
        name="cluster show",
        help="The groups in use: what makes each different, how many there should be, how sure they are.",
        request=ShowRequest,
        result=FittedResult,
        run=run_show,
        render=render_fitted,
        remote=True,
    ),
]
