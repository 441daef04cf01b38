"""`sources`: which there are, whether one can be reached and what it would bring, and what it reads, in words."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.connectors.contract.source import Hears, Page, Resource, Source
    from passerelle.workflows.workspace import Workspace

_SAMPLE = 200
_NAME = Field(description="The source, by its name in passerelle.yaml.", json_schema_extra={"cli": "argument"})


# --- list
class ListRequest(Request):
    """Nothing to ask."""


class ListedSource(Part):
    """One source of the workspace."""

    source: str
    kind: str
    tables: list[str] = Field(description="Its tables in the lake.")
    identifiers: list[str] = Field(description="What people are recognised by.")
    consents: list[str] = Field(description="Purposes and signals that it speaks of, with the grade of evidence.")


class ListResult(Result):
    """The workspace's sources, and the kinds that are installed."""

    sources: list[ListedSource] = Field(default_factory=list)
    kinds: list[str] = Field(default_factory=list)


def run_list(environment: Environment, _request: ListRequest) -> ListResult:
    """Read the settings; reach nothing."""
    from passerelle.workflows.settings.plugins import kinds
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        listed = [_listed(workspace, name) for name in sorted(workspace.sources)]
    return ListResult(sources=listed, kinds=kinds("passerelle.sources"))


def _listed(workspace: "Workspace", name: str) -> ListedSource:
    from passerelle.connectors.contract.source import table_name

    source = workspace.source(name)
    shapes = [resource.shape for resource in source.resources]
    said = [f"{consent.purpose} ({consent.grade})" for shape in shapes for _, consent in shape.consents]
    said += [signal.kind for shape in shapes for _, signal in shape.signals]
    said += [one.hears.signal.name for one in source.resources if one.hears is not None]
    return ListedSource(
        source=name,
        kind=str(workspace.sources[name].settings.kind),
        tables=[table_name(source, resource) for resource in source.resources],
        identifiers=list(dict.fromkeys(str(field) for shape in shapes for _, field in shape.identifiers)),
        consents=list(dict.fromkeys(said)),
    )


def render_list(result: ListResult, console: "Console") -> None:
    """A table."""
    from passerelle.workflows.verbs.tables import table

    lines = table("Sources", ("Source", "Kind"), remarks=("Tables", "Recognised by", "Speaks of"))
    for one in result.sources:
        lines.add_row(one.source, one.kind, ", ".join(one.tables), ", ".join(one.identifiers), ", ".join(one.consents))
    console.print(lines, markup=False)
    console.print(f"Kinds that are installed: {', '.join(result.kinds)}.", markup=False)


# --- test
class TestRequest(Request):
    """Which source."""

    __test__ = False
    name: str = _NAME


class TestedResource(Part):
    """What the first records of one resource hold. Counts alone: nothing is kept, and no value is shown."""

    resource: str
    outcome: Outcome
    rows: int = Field(0, description="Records that were looked at: the first that come.")
    filled: dict[str, int] = Field(default_factory=dict, description="How many of them have each field.")
    consents: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="What each consent field would be taken for: state to count."
    )
    quarantined: dict[str, int] = Field(default_factory=dict, description="Records that could not be taken, by reason.")
    problem: str = ""
    advice: str = ""


class TestResult(Result):
    """Whether a source can be reached, and what it would bring."""

    __test__ = False
    source: str = ""
    resources: list[TestedResource] = Field(default_factory=list)
    limits: dict[str, str] = Field(default_factory=dict, description="What is left of each quota, in words.")


def run_test(environment: Environment, request: TestRequest) -> TestResult:
    """Ask for the first records of each resource."""
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        source = workspace.source(request.name)
        tested = [_tested(workspace, source, resource, environment.now()) for resource in source.resources]
    worst = next((one for one in tested if one.outcome is not Outcome.DONE), None)
    outcome = worst.outcome if worst is not None else Outcome.DONE
    return TestResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        retryable=outcome is Outcome.TRY_LATER,
        advice=worst.advice if worst is not None else "",
        source=request.name,
        resources=tested,
        limits={name: said for name, said in getattr(source, "limits", {}).items() if said},
    )


def _tested(workspace: "Workspace", source: "Source", resource: "Resource", now: int) -> TestedResource:
    from collections import Counter
    from contextlib import closing

    from passerelle.connectors.contract.source import Context
    from passerelle.privacy.errors import PasserelleError
    from passerelle.workflows.pull.sorting import sort

    if resource.by_job:
        return TestedResource(
            resource=resource.name,
            outcome=Outcome.DONE,
            advice="It comes by a job of the vendor's, which costs: not tried.",
        )
    zone = resource.timezone or workspace.settings.timezone
    try:
        context = Context(now=now, timezone=workspace.settings.timezone, page_rows=_SAMPLE, sample=True)
        with closing(source.pull(resource, None, context)) as pages:  # type: ignore[type-var]  # a generator
            page = next(iter(pages), None)
    except PasserelleError as error:
        outcome = Outcome(error.outcome)
        return TestedResource(resource=resource.name, outcome=outcome, problem=error.message, advice=error.advice)
    if page is None:
        return TestedResource(resource=resource.name, outcome=Outcome.DONE)
    if resource.hears is not None:
        return _heard(resource, resource.hears, page)
    found = sort(resource.shape, page.rows, now=now, timezone=zone, secret=b"not kept")
    bad = Counter(page.quarantined["reason"].to_pylist()) + Counter(found.faults["reason"].to_pylist())
    states = {
        one.field: Counter(state or "says nothing" for state in one.states.to_pylist())
        for one in found.said
        if hasattr(one, "states")
    }
    return TestedResource(
        resource=resource.name,
        outcome=Outcome.DONE,
        rows=page.rows.num_rows,
        filled={name: len(found.table) - found.table[name].null_count for name in found.table.column_names},
        consents={name: dict(sorted(counts.items())) for name, counts in states.items()},
        quarantined=dict(sorted(bad.items())),
    )


def _heard(resource: "Resource", hears: "Hears", page: "Page") -> TestedResource:
    import json
    from collections import Counter

    readings = [one for raw in page.rows["record"].to_pylist() for one in hears.signal.read(json.loads(raw))]
    states: dict[str, Counter[str]] = {}
    for said in (said for one in readings for said in one.said):
        states.setdefault(said.purpose.value, Counter())[said.state.value] += 1
    return TestedResource(
        resource=resource.name,
        outcome=Outcome.DONE,
        rows=page.rows.num_rows,
        filled={purpose: counts.total() for purpose, counts in sorted(states.items())},
        consents={purpose: dict(sorted(counts.items())) for purpose, counts in states.items()},
        quarantined=dict(sorted(Counter(page.quarantined["reason"].to_pylist()).items())),
    )


def render_test(result: TestResult, console: "Console") -> None:
    """A table for each resource, then the quotas."""
    from passerelle.workflows.verbs.tables import number, table

    for one in result.resources:
        if one.problem or one.advice:
            console.print(f"{one.resource}: {one.problem} {one.advice}".strip(), markup=False)
            continue
        lines = table(f"{one.resource}: the first {one.rows}", ("Field",), ("Filled",), ("Taken for",))
        for name, count in one.filled.items():
            said = ", ".join(f"{state} {seen}" for state, seen in one.consents.get(name, {}).items())
            lines.add_row(name, number(count), said)
        console.print(lines, markup=False)
        for reason, count in one.quarantined.items():
            console.print(f"{count:,} would go to quarantine: {reason.replace('_', ' ')}.", markup=False)
    for name, left in result.limits.items():
        console.print(f"Quota, {name}: {left}.", markup=False)


# --- docs
class DocsRequest(Request):
    """Which source."""

    name: str = _NAME


class DocsResult(Result):
    """What a source reads, and what becomes of it."""

    source: str = ""
    page: str = Field("", description="Markdown, made from the records' models.")


def run_docs(environment: Environment, request: DocsRequest) -> DocsResult:
    """Made from the shapes; nothing is reached."""
    from passerelle.connectors.contract.document import markdown
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        return DocsResult(source=request.name, page=markdown(workspace.source(request.name)))


def render_docs(result: DocsResult, console: "Console") -> None:
    """The page as it is."""
    console.print(result.page, markup=False, soft_wrap=True)


VERBS: list[AnyVerb] = [
    Verb(
        name="sources list",
        help="The sources of this workspace, and the kinds that are installed.",
        request=ListRequest,
        result=ListResult,
        run=run_list,
        render=render_list,
    ),
    Verb(
        name="sources test",
        help="Reach a source and say what its first records would bring: fields, consents, quotas left. Keeps nothing.",
        request=TestRequest,
        result=TestResult,
        run=run_test,
        render=render_test,
    ),
    Verb(
        name="sources docs",
        help="What a source reads, field by field: what for, and what its consents prove.",
        request=DocsRequest,
        result=DocsResult,
        run=run_docs,
        render=render_docs,
    ),
]
