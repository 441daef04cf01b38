"""Checks workflows without n8n: what it would refuse, what it would take and get wrong, and what we promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.n8n.check import flow, identity, safety, settings
from passerelle.workflows.n8n.check.finding import Found, Rule, Workflow
from passerelle.workflows.n8n.check.structure import read

RULES: tuple[Rule, ...] = (
    identity.ids,
    identity.versions,
    identity.names,
    identity.notes,
    identity.webhook_ids,
    identity.hand_start,
    safety.no_code,
    safety.shell_lines,
    safety.no_people,
    safety.no_payload,
    safety.logins,
    safety.secrets,
    flow.error_outputs,
    flow.switches,
    flow.reach,
    flow.patience,
    flow.failing,
    flow.answers,
    flow.expressions,
    flow.attribution,
    settings.settings,
    settings.schedules,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """How many workflows were looked at, and what was found."""

    checked: int
    findings: tuple[Found, ...]


def check(texts: Mapping[str, str], *, in_order: bool = False) -> Checked:
    """Check workflows that belong together, by file name. `in_order`: they stand in publishing order."""
    findings: list[Found] = []
    workflows: list[Workflow] = []
    for file, text in texts.items():
        result = read(file, text)
        if isinstance(result, Workflow):
            workflows.append(result)
        else:
            findings += result
    for workflow in workflows:
        findings += [found for rule in RULES for found in rule(workflow)]
    findings += _together(workflows if in_order else _ordered(workflows))
    return Checked(len(texts), tuple(findings))


def check_files(paths: Sequence[Path]) -> Checked:
    """Check files, or all that a folder holds; those of one folder belong together.

    Raises `DefinitionError` where one cannot be read, or a folder holds none.
    """
    folders: dict[Path, dict[str, str]] = {}
    for path in chain.from_iterable(map(_files, paths)):
        try:
            folders.setdefault(path.parent, {})[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise DefinitionError(f"{path.name} cannot be read as UTF-8 text.") from None
    return _sum([check(texts) for texts in folders.values()])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.json"))
    if not found:
        raise DefinitionError(f"{path.name} holds no workflow.", advice="`passerelle workflows export` writes them.")
    return found


def check_built() -> Checked:
    """Check what this version builds, both ways of calling."""
    from passerelle.workflows.n8n.catalogue import build
    from passerelle.workflows.n8n.export import as_text
    from passerelle.workflows.n8n.options import Options

    ways = [build(Options(via=via)) for via in ("command", "http")]
    all_checked = [check({file: as_text(each) for file, each in built.items()}, in_order=True) for built in ways]
    return _sum(all_checked)


def _sum(several: Sequence[Checked]) -> Checked:
    findings = tuple(found for checked in several for found in checked.findings)
    return Checked(sum(checked.checked for checked in several), findings)


def _together(workflows: Sequence[Workflow]) -> list[Found]:
    ids = [workflow.id for workflow in workflows]
    doubled = [
        workflow.found("ids", "another workflow has this id")
        for place, workflow in enumerate(workflows)
        if workflow.id in ids[:place]
    ]
    return doubled + [found for workflow in workflows for found in settings.named_workflows(workflow, ids)]


def _ordered(workflows: Sequence[Workflow]) -> list[Workflow]:
    """Error workflows first: files come in whatever order a folder lists them."""
    return sorted(workflows, key=lambda workflow: not workflow.of_kind("errorTrigger", "executeWorkflowTrigger"))


__all__ = ["RULES", "Checked", "Found", "check", "check_built", "check_files"]
