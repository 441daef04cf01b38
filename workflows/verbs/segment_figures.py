"""`segment overlap · bias · kpis`: segments beside each other, beside everybody else, and from month to month."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.segments.small import SMALL_GROUP
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation.measurement.makeup import Figures, Values
    from passerelle.segmentation.measurement.months import Doing, Months


# --- overlap
class OverlapRequest(Request):
    """Which segments."""

    names: list[str] = Field(
        min_length=2, max_length=20, description="The segments.", json_schema_extra={"cli": "argument"}
    )
    as_of: str | None = Field(None, description=AS_OF)


class SegmentSize(Part):
    """One segment, before its holdout. Null: fewer than 10 people."""

    segment: str
    size: int | None


class SharedPeople(Part):
    """Two segments. Null: fewer than 10 people, and more than none."""

    one: str
    other: str
    both: int | None
    share_of_one: float | None = Field(description="The part of the first that is in the other.")
    share_of_other: float | None = Field(description="The part of the other that is in the first.")
    jaccard: float | None = Field(description="Those in both by those in at least one of them.")


class OverlapResult(Result):
    """How many people segments share."""

    as_of: str = Field("", description="UTC.")
    segments: list[SegmentSize] = Field(default_factory=list)
    pairs: list[SharedPeople] = Field(default_factory=list)


def run_overlap(environment: Environment, request: OverlapRequest) -> OverlapResult:
    """Compute the segments in one pass; save nothing."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import instant
    from passerelle.workflows.segments.compared import overlap_of
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Computing segments"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        found = overlap_of(workspace, request.names, as_of=moment)
    pairs = []
    for (one, other), shared in found.pairs.items():
        known = _told(shared.both) and _told(shared.one) and _told(shared.other)
        pairs.append(
            SharedPeople(
                one=one,
                other=other,
                both=shared.both if known else None,
                share_of_one=shared.of_one if known else None,
                share_of_other=shared.of_other if known else None,
                jaccard=shared.jaccard if known else None,
            )
        )
    sizes = [SegmentSize(segment=name, size=size if _told(size) else None) for name, size in found.sizes.items()]
    return OverlapResult(as_of=iso(moment), segments=sizes, pairs=pairs)


def render_overlap(result: OverlapResult, console: "Console") -> None:
    """A line per pair."""
    from passerelle.workflows.verbs.tables import number, table

    sizes = table("Segments", ("Segment",), ("People",))
    for row in result.segments:
        sizes.add_row(row.segment, "too few" if row.size is None else number(row.size))
    console.print(sizes, markup=False)
    lines = table("In both", ("One", "Other"), ("People", "Of one", "Of other", "Jaccard"))
    for pair in result.pairs:
        shares = (_share(each) for each in (pair.share_of_one, pair.share_of_other))
        jaccard = "" if pair.jaccard is None else f"{pair.jaccard:.3f}"
        lines.add_row(pair.one, pair.other, "too few" if pair.both is None else number(pair.both), *shares, jaccard)
    console.print(lines, markup=False)


# --- bias
class BiasRequest(Request):
    """Which segment, by what."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    by: list[str] = Field(
        default_factory=list, max_length=20, description="A trait or attribute; by default every demographic trait."
    )
    as_of: str | None = Field(None, description=AS_OF)


class BiasValue(Part):
    """People with one value. Values that too few people have are put together as `…`."""

    value: str
    members: int
    share: float = Field(description="Of the segment's people.")
    share_of_others: float = Field(description="Of everybody else.")
    difference: float = Field(description="Of the shares, in standard deviations.")


class BiasDimension(Part):
    """One dimension: of values, with a test; or of numbers, with means. Null: too few people to be told."""

    by: str
    values: list[BiasValue] = Field(default_factory=list)
    statistic: float | None = Field(None, description="Chi-square of values by being in the segment.")
    freedom: int | None = Field(None, description="Its degrees of freedom.")
    p: float | None = Field(None, description="How probable it is by chance.")
    effect: float | None = Field(None, description="Cramér's V: 0 none, 0.1 small, 0.3 medium, 0.5 large.")
    mean: float | None = Field(None, description="Of the segment's people who have a number.")
    mean_of_others: float | None = None
    difference: float | None = Field(None, description="Of the means, in standard deviations: 0.2 small, 0.8 large.")


class BiasResult(Result):
    """Whom a segment is about, beside everybody else."""

    segment: str = ""
    as_of: str = Field("", description="UTC.")
    dimensions: list[BiasDimension] = Field(default_factory=list)


def run_bias(environment: Environment, request: BiasRequest) -> BiasResult:
    """Compare the segment's people with all others; save nothing."""
    from passerelle.privacy.audit.times import iso
    from passerelle.segmentation.measurement.makeup import Values
    from passerelle.workflows.engine import instant
    from passerelle.workflows.segments.compared import makeup_of
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step(f"Computing {request.name}"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        found = makeup_of(workspace, request.name, request.by, as_of=moment)
    told = [_of_values(each) if isinstance(each, Values) else _of_figures(each) for each in found]
    return BiasResult(segment=request.name, as_of=iso(moment), dimensions=told)


def _of_values(found: "Values") -> BiasDimension:
    test = found.test
    return BiasDimension(
        by=found.by,
        values=[
            BiasValue(
                value=cell.value,
                members=cell.members,
                share=found.share(cell),
                share_of_others=found.share_of_others(cell),
                difference=found.difference(cell),
            )
            for cell in (found.cells if test is not None else ())
        ],
        statistic=test and test.statistic,
        freedom=test and test.freedom,
        p=test and test.p,
        effect=test and test.effect,
    )


def _of_figures(found: "Figures") -> BiasDimension:
    return BiasDimension(
        by=found.by,
        mean=found.members and found.members.mean,
        mean_of_others=found.others and found.others.mean,
        difference=found.difference,
    )


def render_bias(result: BiasResult, console: "Console") -> None:
    """A table per dimension of values, and one for numbers."""
    from passerelle.workflows.verbs.tables import number, table

    for each in result.dimensions:
        if each.effect is not None:
            title = f"{each.by}: effect {each.effect:.2f}, p {each.p:.3f}"
            lines = table(title, (each.by,), ("Members", "Share", "Of others", "Apart"))
            for row in each.values:
                shares = (_share(share) for share in (row.share, row.share_of_others))
                lines.add_row(row.value, number(row.members), *shares, f"{row.difference:+.2f}")
            console.print(lines, markup=False)
        elif each.difference is not None:
            means = f"{each.mean:,.2f}, others {each.mean_of_others:,.2f}"
            console.print(f"{each.by}: {means}, {each.difference:+.2f} standard deviations apart.", markup=False)
        else:
            console.print(f"{each.by}: too few people, or all alike.", markup=False)


# --- kpis
class KpisRequest(Request):
    """Which segment, by what measure, how far back."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    measure: str | None = Field(
        None, description="A trait that counts or adds up events; by default the money of model.yaml's RFM scores."
    )
    months: int = Field(12, ge=1, le=36, description="So many complete months.")
    trait: list[str] = Field(
        default_factory=list, max_length=20, description="A trait whose mean is told, such as cycle_days."
    )
    as_of: str | None = Field(None, description=AS_OF)


class KpiFigures(Part):
    """What some people did in one month. Null: one to nine people, or nobody to divide by."""

    active: int | None = Field(description="Who did it at all.")
    conversion: float | None = Field(description="The share of all of them that is.")
    basket: float | None = Field(description="What one event brings, of a measure that adds up.")
    per_person: float | None = Field(description="What each of all of them brings.")
    retention: float | None = Field(description="Of those active in the month before, who is again.")


class KpiMonth(Part):
    """One month of the calendar."""

    month: str
    members: KpiFigures
    everybody: KpiFigures


class KpiTrait(Part):
    """The mean of a trait among those who have one. Null: too few."""

    trait: str
    members: float | None
    others: float | None


class KpisResult(Result):
    """The segment's people of today, looked back at."""

    segment: str = ""
    as_of: str = Field("", description="UTC.")
    measure: str = ""
    months: list[KpiMonth] = Field(default_factory=list)
    traits: list[KpiTrait] = Field(default_factory=list)


def run_kpis(environment: Environment, request: KpisRequest) -> KpisResult:
    """Compute the figures; save nothing."""
    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.errors import DefinitionError
    from passerelle.segmentation.measurement.makeup import Values
    from passerelle.workflows.engine import instant
    from passerelle.workflows.segments.compared import makeup_of, months_of, usual_measure
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step(f"Computing {request.name}"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        measure = request.measure or usual_measure(workspace)
        found = months_of(workspace, request.name, measure, request.months, as_of=moment)
        traits = makeup_of(workspace, request.name, request.trait, as_of=moment) if request.trait else []
    told: list[KpiTrait] = []
    for each in traits:
        if isinstance(each, Values):
            raise DefinitionError(f"`{each.by}` has no mean.", advice=f"See `segment bias --by {each.by}`.")
        told.append(
            KpiTrait(
                trait=each.by,
                members=each.members and each.members.mean,
                others=each.others and each.others.mean,
            )
        )
    months = [
        KpiMonth(month=each.month, members=_kpis(each.members, found), everybody=_kpis(each.everybody, found))
        for each in found.months
    ]
    return KpisResult(segment=request.name, as_of=iso(moment), measure=measure, months=months, traits=told)


def _kpis(doing: "Doing", found: "Months") -> KpiFigures:
    if not (_told(doing.active) and _told(doing.people)):
        return KpiFigures(active=None, conversion=None, basket=None, per_person=None, retention=None)
    total = found.amount(doing)
    return KpiFigures(
        active=doing.active,
        conversion=doing.active / doing.people if doing.people else None,
        basket=total / doing.events if found.adds_up and doing.events else None,
        per_person=total / doing.people if doing.people else None,
        retention=doing.stayed / doing.before if doing.before >= SMALL_GROUP and _told(doing.stayed) else None,
    )


def render_kpis(result: KpisResult, console: "Console") -> None:
    """A line per month: members, then everybody for comparison."""
    from passerelle.workflows.verbs.tables import number, table

    numbers = ("Active", "Conversion", "Basket", "Each", "Retention", "All: conv.", "Each", "Ret.")
    lines = table(f"{result.segment} by {result.measure}", ("Month",), numbers)
    for row in result.months:
        mine, all_ = row.members, row.everybody
        lines.add_row(
            row.month,
            "too few" if mine.active is None else number(mine.active),
            _share(mine.conversion),
            *("" if each is None else f"{each:,.2f}" for each in (mine.basket, mine.per_person)),
            *(_share(each) for each in (mine.retention, all_.conversion)),
            "" if all_.per_person is None else f"{all_.per_person:,.2f}",
            _share(all_.retention),
        )
    console.print(lines, markup=False)
    for each in result.traits:
        one, other = ("too few" if mean is None else f"{mean:,.2f}" for mean in (each.members, each.others))
        console.print(f"{each.trait}: {one} on average, others {other}.", markup=False)


def _told(people: int) -> bool:
    return people == 0 or people >= SMALL_GROUP


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


VERBS: list[AnyVerb] = [
    Verb(
        name="segment overlap",
        help="How many people segments share: each pair's size, shares and Jaccard index. Nothing is saved.",
        request=OverlapRequest,
        result=OverlapResult,
        run=run_overlap,
        render=render_overlap,
        remote=True,
    ),
    Verb(
        name="segment bias",
        help="Whom a segment is about beside everybody else, by each dimension, and how strongly. Nothing is saved.",
        request=BiasRequest,
        result=BiasResult,
        run=run_bias,
        render=render_bias,
        remote=True,
    ),
    Verb(
        name="segment kpis",
        help="Conversion, basket and retention of a segment's people by month, beside everybody's. Nothing is saved.",
        request=KpisRequest,
        result=KpisResult,
        run=run_kpis,
        render=render_kpis,
        remote=True,
    ),
]
