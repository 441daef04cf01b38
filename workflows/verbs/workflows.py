"""`workflows`: the n8n workflows as files, the secrets they need, and a check of any workflow's JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.n8n.options import Options


class ExportRequest(Request):
    """How the workflows reach Passerelle, and whom they tell."""

    via: Literal["command", "http"] = Field("http", description="Call the command line, or the runner over HTTP.")
    out: Path = Field(Path("n8n"), description="Folder to write into.")
    program: str = Field("passerelle", description="The command line, for --via command.")
    workspace_path: str = Field("", description="The workspace as n8n sees it, for --via command.")
    runner_url: str = Field("http://runner:8080", description="Where the runner answers, for --via http.")
    timezone: str = Field("", description="Time zone of the schedules; by default the workspace's.")
    slack_channel: str = Field("#audiences", description="Slack channel to tell.")
    mail_from: str = Field("passerelle@example.com", description="Sender of e-mails.")
    mail_to: str = Field("data-team@example.com", description="Receiver of e-mails.")


class ExportResult(Result):
    """What was written."""

    folder: str = ""
    files: list[str] = Field(default_factory=list, description="In the order in which they must be published.")
    ids: list[str] = Field(default_factory=list, description="The workflows' ids, in the same order.")
    credentials: list[str] = Field(default_factory=list, description="Names of the credentials they refer to.")


class CheckRequest(Request):
    """What to check."""

    files: list[Path] = Field(
        default_factory=list, description="Workflow files, or folders of them; by default those built in."
    )


class Finding(BaseModel):
    """One thing wrong in a workflow."""

    model_config = ConfigDict(extra="forbid")

    file: str
    node: str = Field(description="The node, or empty for the workflow as a whole.")
    rule: str
    message: str


class CheckResult(Result):
    """What was found."""

    checked: int = 0
    findings: list[Finding] = Field(default_factory=list)


class SecretsRequest(Request):
    """Where secrets go."""

    folder: Path = Field(Path("secrets/n8n"), description="Folder to write into; what stands there is kept.")
    ping_url: str = Field(
        "http://n8n:5678/webhook/passerelle/removals", description="Where the runner knocks after a withdrawal."
    )


class SecretsResult(Result):
    """What was made. Never a secret itself."""

    folder: str = ""
    written: list[str] = Field(default_factory=list, description="Files made now.")
    kept: list[str] = Field(default_factory=list, description="Files that stood there already.")


def export(environment: Environment, request: ExportRequest) -> ExportResult:
    """Write the workflows for this workspace, or for the sample shop where there is none."""
    from passerelle.workflows.n8n.catalogue import CATALOGUE
    from passerelle.workflows.n8n.export import export as write
    from passerelle.workflows.n8n.options import CREDENTIALS

    options = _options(environment, request)
    files = write(options, request.out)
    return ExportResult(
        advice="Make the credentials with `passerelle workflows secrets`, import both, publish in this order.",
        folder=str(request.out),
        files=[path.name for path in files],
        ids=[identity.id for identity, _ in CATALOGUE],
        credentials=[credential.name for credential in CREDENTIALS],
    )


def _options(environment: Environment, request: ExportRequest) -> "Options":
    from passerelle.privacy.errors import DefinitionError
    from passerelle.workflows.n8n.options import DEMO_AUDIENCES, Options
    from passerelle.workflows.settings.names import PROJECT
    from passerelle.workflows.workspace import Workspace

    audiences: tuple[str, ...] = DEMO_AUDIENCES
    timezone, folder = "Europe/Paris", "/workspace"
    if (environment.workspace / PROJECT).is_file():
        with Workspace.open(environment.workspace) as workspace:
            audiences = tuple(sorted(workspace.audiences)) or DEMO_AUDIENCES
            timezone, folder = workspace.settings.timezone, str(workspace.folder)
    try:
        return Options(
            via=request.via,
            program=request.program,
            workspace=request.workspace_path or folder,
            runner_url=request.runner_url,
            timezone=request.timezone or timezone,
            audiences=audiences,
            slack_channel=request.slack_channel,
            mail_from=request.mail_from,
            mail_to=request.mail_to,
        )
    except ValueError as problem:
        raise DefinitionError(f"The workflows cannot be written so: {problem}.") from None


def check(_environment: Environment, request: CheckRequest) -> CheckResult:
    """Check files, or what is built in."""
    from passerelle.workflows.n8n.check import check_built, check_files

    found = check_files(request.files) if request.files else check_built()
    outcome = Outcome.HELD_BACK if found.findings else Outcome.DONE
    return CheckResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice="Repair the findings, or export again." if found.findings else "",
        checked=found.checked,
        findings=[
            Finding(file=each.file, node=each.node, rule=each.rule, message=each.message) for each in found.findings
        ],
    )


def secrets(_environment: Environment, request: SecretsRequest) -> SecretsResult:
    """Make the secrets that `docker-compose.yml` mounts; what stands there is never overwritten."""
    from passerelle.workflows.n8n.secrets import make

    made = make(request.folder, request.ping_url)
    return SecretsResult(
        advice="Put your mail server and Slack token into credentials.json, then import it.",
        folder=str(request.folder),
        written=list(made.written),
        kept=list(made.kept),
    )


def render_export(result: ExportResult, console: "Console") -> None:
    """Where they are, and the order to publish them in."""
    console.print(f"{len(result.files)} workflows stand in {result.folder}. Publish them in this order:")
    for file, name in zip(result.files, result.ids, strict=True):
        console.print(f"  {name}  {file}", markup=False)
    console.print("They refer to these credentials: " + ", ".join(result.credentials) + ".")


def render_check(result: CheckResult, console: "Console") -> None:
    """One line per finding."""
    for each in result.findings:
        where = f"{each.file}, {each.node}" if each.node else each.file
        console.print(f"{where}: {each.message} [{each.rule}]", markup=False)
    console.print(f"{result.checked} workflows checked, {len(result.findings)} findings.")


def render_secrets(result: SecretsResult, console: "Console") -> None:
    """What was made and what was kept."""
    console.print(f"In {result.folder}: made {', '.join(result.written) or 'nothing'}.")
    if result.kept:
        console.print(f"Kept as it was: {', '.join(result.kept)}.")


VERBS: list[AnyVerb] = [
    Verb(
        name="workflows export",
        help="Write the n8n workflows as JSON.",
        request=ExportRequest,
        result=ExportResult,
        run=export,
        render=render_export,
    ),
    Verb(
        name="workflows check",
        help="Check n8n workflows node by node.",
        request=CheckRequest,
        result=CheckResult,
        run=check,
        render=render_check,
    ),
    Verb(
        name="workflows secrets",
        help="Make the tokens and credentials that n8n and the runner share.",
        request=SecretsRequest,
        result=SecretsResult,
        run=secrets,
        render=render_secrets,
    ),
]
