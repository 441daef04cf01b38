"""`consent import`: a file of statements, a vendor's export, or a file of people with their consent strings."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Purpose, Readable
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.privacy.consent.signals.mapping import SignalMapping
    from passerelle.workflows.intake.tally import Imported
    from passerelle.workflows.workspace import Workspace

_FIELDS_HELP = (
    "subject_ref, or email, phone, external_id (and country); purpose, state, at, recorded_at, valid_until, notice, "
    "recipients, grade, source, scope, method"
)
_TEXTS = ("tcf", "gpp", "gpc", "consent_mode")


class ImportRequest(Request):
    """Which file, and what holds for all its lines."""

    file: Path = Field(
        description=f"CSV with a header, or JSON Lines. Columns or keys: {_FIELDS_HELP}.",
        json_schema_extra={"cli": "argument"},
    )
    signal: Literal[Readable, "tcf", "gpp", "gpc", "consent_mode"] | None = Field(
        None,
        description="The file is a vendor's export (JSON Lines, a JSON array or CSV), or holds consent strings in a "
        "column `signal`; see docs/signals.md.",
    )
    mapping: Path | None = Field(
        None, description="YAML that says what a vendor's purposes mean, or what the keys of any other record mean."
    )
    map: list[str] = Field(
        default_factory=list, description="COLUMN=FIELD, for columns that are called otherwise; may be repeated."
    )
    purpose: Purpose | None = Field(None, description="Purpose of lines that name none.")
    source: str | None = Field(None, pattern=r"^[a-z0-9_]{1,64}$", description="Source of lines that name none.")
    notice: str | None = Field(None, description="Notice (id@version) of lines that name none.")
    method: str | None = Field(None, description="Method of lines that name none, such as paper_form.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.signal is None:
            if self.mapping is not None:
                raise ValueError("--mapping goes with --signal")
            return self
        if self.source is None:
            raise ValueError("--signal needs --source: where the records come from")
        if self.purpose or self.notice or self.method:
            raise ValueError("a signal says its own purpose, notice and method")
        if self.mapping is not None and self.signal in _TEXTS:
            raise ValueError("a consent string takes no --mapping")
        if self.map and self.signal not in _TEXTS:
            raise ValueError("a vendor's records take no --map, but a --mapping FILE")
        return self


class Lines(BaseModel):
    """Lines of which nothing was taken, for one reason."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(description="Why, as a code.")
    meaning: str = Field(description="Why, in a sentence.")
    count: int
    lines: list[int] = Field(description="The first of them; line 1 is the first of the file.")


class ImportResult(Result):
    """What became of the lines. Without --signal, lines = new + known + refused; a record may say several things."""

    lines: int = 0
    new: int = Field(0, description="Statements that were not known.")
    known: int = Field(0, description="Statements heard before.")
    refused: int = Field(0, description="Lines that were not taken.")
    refusals: list[Lines] = Field(default_factory=list)
    left_out: list[Lines] = Field(
        default_factory=list,
        description="Records of a signal that make no statement, such as tests; no fault of theirs.",
    )
    withdrawals: int = Field(0, description="People with a new statement that does not permit.")
    queued: int = Field(0, description="Removals that are owed because of them.")


def _run(environment: Environment, request: ImportRequest) -> ImportResult:
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        found = _imported(environment, request, workspace)
    return ImportResult(
        outcome=Outcome.HELD_BACK if found.refused else Outcome.DONE,
        advice="Repair the lines that were refused, and import the file again; the others are known then."
        if found.refused
        else "",
        lines=found.lines,
        new=found.new,
        known=found.known,
        refused=found.refused,
        refusals=[Lines(reason=reason, **told) for reason, told in found.by_reason().items()],
        left_out=[Lines(reason=reason, **told) for reason, told in found.left_out().items()],
        withdrawals=found.withdrawals,
        queued=found.queued,
    )


def _imported(environment: Environment, request: ImportRequest, workspace: "Workspace") -> "Imported":
    same: dict[str, Any] = {"now": environment.now(), "progress": environment.progress}
    if request.signal is None:
        from passerelle.workflows.intake.bulk import import_file

        names = ("purpose", "source", "notice", "method")
        defaults = {name: str(value) for name in names if (value := getattr(request, name)) is not None}
        return import_file(workspace, request.file, names=_columns(request.map), defaults=defaults, **same)
    from passerelle.privacy.consent.signals.registry import reader
    from passerelle.workflows.intake.signals import TEXT, import_records, import_texts

    source = request.source or ""
    if request.signal in TEXT:
        signal = TEXT[request.signal]
        return import_texts(workspace, request.file, signal, names=_columns(request.map), source=source, **same)
    mapping = None if request.mapping is None else _mapping(request.mapping, request.signal)
    records, adapter = reader(request.signal, mapping)
    return import_records(workspace, request.file, records, adapter=adapter, source=source, **same)


def _mapping(path: Path, signal: str) -> "SignalMapping":
    from passerelle.privacy.consent.signals.mapping import SignalMapping
    from passerelle.workflows.settings.load import read_file

    mapping = read_file(path, SignalMapping)
    if mapping.signal != signal:
        raise DefinitionError(f"{path.name} is a mapping for --signal {mapping.signal}.")
    return mapping


def _columns(pairs: Iterable[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        if not equals or not column:
            raise DefinitionError("--map takes COLUMN=FIELD.")
        found[column.strip()] = field.strip()
    return found


def _render(result: ImportResult, console: "Console") -> None:
    from passerelle.workflows.verbs.tables import number, table

    console.print(
        f"{result.lines:,} lines: {result.new:,} new, {result.known:,} known, {result.refused:,} refused. "
        f"{result.withdrawals:,} said no; {result.queued:,} removals are owed because of it."
    )
    for title, reasons in (("Refused lines", result.refusals), ("Records that say nothing", result.left_out)):
        if not reasons:
            continue
        lines = table(title, (), ("Lines",), ("Why", "Where"))
        for one in reasons:
            places = ", ".join(str(line) for line in one.lines)
            lines.add_row(number(one.count), one.meaning, places + (" …" if one.count > len(one.lines) else ""))
        console.print(lines, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="consent import",
        help="Take in consent from a file: statements, a vendor's export, or consent strings. "
        "Withdrawals queue removals everywhere.",
        request=ImportRequest,
        result=ImportResult,
        run=_run,
        render=_render,
        recorded=True,
    ),
]
