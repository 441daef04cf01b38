"""`traits`: what model.yaml knows of people, and the numbers that scaled traits rest on."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation.fitted import Fitted


class ListRequest(Request):
    """Which traits; all, where nothing is asked."""

    dimension: Literal["demographic", "behavioural", "psychographic", "contextual", "unstated"] | None = Field(
        None, description="Only traits of this dimension."
    )


class ListedTrait(Part):
    """One trait of model.yaml."""

    trait: str
    kind: str = Field(description="The word that makes it: count, sum, sessions, formula, …")
    dimension: str = Field(description="demographic, behavioural, psychographic, contextual, or unstated.")
    description: str
    fitted: str = Field(description="Of a scaled trait: when it was fitted (UTC); empty where it was not.")
    flagged: list[str] = Field(description="Words of special categories in it, or in what it is made of.")


class ListResult(Result):
    """The traits of this workspace."""

    traits: list[ListedTrait] = Field(default_factory=list)


def run_list(environment: Environment, request: ListRequest) -> ListResult:
    """Read model.yaml and what was fitted."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import fitted_numbers
    from passerelle.workflows.sensitive import words_in_part
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        fitted = fitted_numbers(workspace)
        found = [
            ListedTrait(
                trait=name,
                kind=trait.tag.strip("<>"),
                dimension=trait.dimension or "unstated",
                description=trait.description,
                fitted=iso(fitted[name].as_of) if name in fitted else "",
                flagged=list(words_in_part(workspace, name)),
            )
            for name, trait in workspace.model.traits.items()
        ]
    return ListResult(traits=[row for row in found if request.dimension in {None, row.dimension}])


def render_list(result: ListResult, console: "Console") -> None:
    """A table."""
    from passerelle.workflows.verbs.tables import table

    lines = table("Traits", ("Trait", "Kind", "Dimension"), remarks=("What it means", "Fitted"))
    for row in result.traits:
        lines.add_row(row.trait, row.kind.replace("_", " "), row.dimension, row.description, row.fitted)
    console.print(lines, markup=False)
    for row in result.traits:
        if row.flagged:
            told = f"Note: what may be a special category (GDPR art. 9) is in {row.trait}: {', '.join(row.flagged)}."
            console.print(told, style="yellow", markup=False)


class FitRequest(Request):
    """Which scaled traits; all, if none is named."""

    names: list[str] = Field(default_factory=list, description="Scaled traits (`min_max`, `z_score`); all, if none.")


class FittedTrait(Part):
    """The numbers that a scaled trait rests on from now on: (value - shift) / scale."""

    trait: str
    version: int
    method: str
    among: str = Field(description="The segment whose people it was fitted on; empty: everybody.")
    as_of: str = Field(description="UTC.")
    people: int
    shift: str = Field(description="The least value, or the mean; money in cents.")
    scale: str = Field(description="The greatest less the least value, or the standard deviation; money in cents.")
    previous_shift: str = Field(description="Of the version before; empty where there was none.")
    previous_scale: str = Field(description="Of the version before; empty where there was none.")


class FitResult(Result):
    """What was fitted."""

    fitted: list[FittedTrait] = Field(default_factory=list)


def run_fit(environment: Environment, request: FitRequest) -> FitResult:
    """Fit them on what was pulled, and keep the numbers in `fitted/`."""
    from passerelle.workflows.engine import fit_traits
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Fitting traits"):
        found = fit_traits(workspace, request.names, now=environment.now())
    return FitResult(fitted=[_told(name, before, new) for name, (before, new) in found.items()])


def _told(name: str, before: "Fitted | None", new: "Fitted") -> FittedTrait:
    from passerelle.privacy.audit.times import iso

    return FittedTrait(
        trait=name,
        version=new.version,
        method=new.method,
        among=new.among,
        as_of=iso(new.as_of),
        people=new.people,
        shift=f"{new.shift:f}",
        scale=f"{new.scale:f}",
        previous_shift="" if before is None else f"{before.shift:f}",
        previous_scale="" if before is None else f"{before.scale:f}",
    )


def render_fit(result: FitResult, console: "Console") -> None:
    """A table."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table("Fitted", ("Trait", "Method", "Among"), ("Version", "People", "Shift", "Before", "Scale", "Before"))
    for row in result.fitted:
        counts = (str(row.version), number(row.people))
        numbers = (row.shift, row.previous_shift, row.scale, row.previous_scale)
        lines.add_row(row.trait, row.method.replace("_", " "), row.among or "everybody", *counts, *numbers)
    console.print(lines, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="traits list",
        help="The traits of this workspace, by dimension.",
        request=ListRequest,
        result=ListResult,
        run=run_list,
        render=render_list,
    ),
    Verb(
        name="traits fit",
        help="Fit scaled traits anew on what was pulled. Until then, an unchanged person keeps the same value.",
        request=FitRequest,
        result=FitResult,
        run=run_fit,
        render=render_fit,
        recorded=True,
    ),
]
