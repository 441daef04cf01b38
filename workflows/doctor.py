"""Looks a workspace over: every line says what was looked at, how it stands, and what to do."""

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError, TryLater
from passerelle.workflows.settings.unusable import Problem, Unusable

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check
    from passerelle.workflows.settings.lake import BucketLake
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace

MEBIBYTE = 1 << 20
LOW_DISK, VERY_LOW_DISK = 1024 * MEBIBYTE, 100 * MEBIBYTE
SKEW = 5 * 60 * 1_000_000

State = Literal["ok", "warning", "failed", "integrity"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `integrity`: a key, the log or the store is not what it must be."""

    area: str
    name: str
    state: State
    message: str
    advice: str = ""


class Checked(Protocol):
    """A source or a destination, as far as this module is concerned."""

    def check(self) -> "list[Check]":
        """What it says of itself."""
        ...


def examine(folder: Path, *, now: int, local: bool, progress: "Progress") -> list[Finding]:
    """Look at everything, without changing anything; `local` leaves the other sides alone."""
    from passerelle.workflows.workspace import Workspace

    try:
        workspace = Workspace.open(folder)
    except Unusable as error:
        return [_wrong(each) for each in error.problems]
    except DefinitionError as error:
        return [Finding("settings", "files", "failed", error.message, error.advice)]
    with workspace:
        return list(_examine(workspace, now=now, local=local, progress=progress))


def _examine(workspace: "Workspace", *, now: int, local: bool, progress: "Progress") -> Iterator[Finding]:
    unready = workspace.loaded.unready
    yield from map(_wrong, unready) if unready else [_counted(workspace)]
    yield from _modes(workspace)
    yield _disk(workspace.folder)
    yield from _crashes(workspace.folder)
    for area, look in (("key", _key), ("store", _store), ("log", _log)):
        found = _guarded(area, area, partial(look, workspace, now))
        yield from found
        if any(each.state != "ok" for each in found):
            return  # what comes next rests on this
    yield from _guarded("consent", "freshness", partial(_fresh, workspace, now))
    if not local or workspace.settings.engine.kind == "duckdb":
        yield from _guarded("engine", workspace.settings.engine.kind, partial(_engine, workspace))
    if not local and not isinstance(workspace.settings.lake, Path):
        yield from _guarded("lake", "bucket", partial(_lake, workspace, workspace.settings.lake))
    if not unready and workspace.segments:
        yield from _guarded("segments", "rules", partial(_rules, workspace))
    yield from _guarded("audiences", "names", partial(_names, workspace)) if not unready else ()
    yield from _guarded("rules", "words", partial(_words, workspace)) if not unready else ()
    yield from _vendors(workspace)
    yield from _told_of_deletions(workspace)
    if not local:
        yield from _others(workspace, progress)


def _wrong(problem: Problem) -> Finding:
    where = f"{problem.file}:{problem.line}" if problem.file else "files"
    return Finding("settings", where, "failed", problem.message)


def _guarded(area: str, name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What `look` finds, or the finding that its error is."""
    try:
        return look()
    except IntegrityError as error:
        return [Finding(area, name, "integrity", error.message, error.advice)]
    except TryLater as error:
        return [Finding(area, name, "warning", error.message, error.advice)]
    except PasserelleError as error:
        return [Finding(area, name, "failed", error.message, error.advice)]


_PARTS = ("source", "destination", "segment", "audience", "notice")


def _counted(workspace: "Workspace") -> Finding:
    sizes = {part: len(getattr(workspace, f"{part}s")) for part in _PARTS}
    said = ", ".join(f"{size} {part}{'' if size == 1 else 's'}" for part, size in sizes.items())
    return Finding("settings", "files", "ok", f"{said}: every file can be read.")


def _modes(workspace: "Workspace") -> list[Finding]:
    """Files that other users of this machine could read."""
    others = stat.S_IRWXG | stat.S_IRWXO
    open_ones = [path for path in sorted(private_paths(workspace)) if path.exists() and path.stat().st_mode & others]
    if not open_ones:
        return [Finding("files", "modes", "ok", "Keys, secrets and data can be read by this user alone.")]
    return [
        Finding("files", _shown(path, workspace.folder), "failed", "Other users can read this.", _chmod(path))
        for path in open_ones
    ]


def private_paths(workspace: "Workspace") -> set[Path]:
    """Key, secrets named by any setting, the store, and their folders."""
    paths = {workspace.path("var")}
    if isinstance(workspace.settings.lake, Path):
        paths.add(workspace.path(workspace.settings.lake))
    elif workspace.settings.lake.key_file is not None:
        paths.add(workspace.path(workspace.settings.lake.key_file))
    if workspace.settings.keys.file is not None:
        paths.add(workspace.path(workspace.settings.keys.file))
    if isinstance(workspace.settings.store, Path):
        paths.add(workspace.path(workspace.settings.store))
    else:
        paths.add(workspace.path(workspace.settings.store.url_file))
    paths |= {workspace.path(path) for name, path in workspace.settings.engine if _is_secret(name, path)}
    for plugged in (*workspace.sources.values(), *workspace.destinations.values()):
        paths |= {workspace.path(path) for name, path in plugged.settings if _is_secret(name, path)}
    return paths


def _is_secret(name: str, value: object) -> bool:
    return name.endswith("_file") and isinstance(value, Path)


def _chmod(path: Path) -> str:
    return f"Run: chmod {'700' if path.is_dir() else '600'} {path}"


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free // MEBIBYTE:,} MiB are free."
    state: State = "ok" if free >= LOW_DISK else "warning" if free >= VERY_LOW_DISK else "failed"
    return Finding("disk", "space", state, said, "" if state == "ok" else "Make room: runs need space for the lake.")


def _crashes(folder: Path) -> list[Finding]:
    count = sum(1 for _ in folder.glob("var/crash-*.txt"))
    if not count:
        return []
    advice = "Pass them on to whoever looks after Passerelle, then delete them. They hold no data."
    return [Finding("runs", "crash reports", "warning", f"{count} crash reports are in var/.", advice)]


def _key(workspace: "Workspace", _now: int) -> list[Finding]:
    return [Finding("key", "key", "ok", f"The key can be read: {workspace.keys().key_id}.")]


def _store(workspace: "Workspace", _now: int) -> list[Finding]:
    kind = "SQLite" if workspace.store().is_sqlite else "PostgreSQL"
    return [
        Finding("store", "store", "ok", f"The control store ({kind}) opens, and the key is the one it was made with.")
    ]


def _log(workspace: "Workspace", now: int) -> list[Finding]:
    """The anchor, and the newest checkpoint against the entries. `audit verify` reads every entry."""
    from sqlalchemy import select

    from passerelle.privacy.store.tables import log_checkpoint

    log = workspace.log()
    with workspace.store().read() as connection:
        newest = connection.execute(select(log_checkpoint).order_by(log_checkpoint.c.size.desc()).limit(1)).first()
        if newest is None:
            return [Finding("log", "log", "ok", "The log has no checkpoint yet: nothing has been recorded.")]
        log.verifiers(connection).open(newest.note)
        size = log.size(connection)
        if newest.size > size or log.root(connection, newest.size) != newest.root:
            raise IntegrityError(
                "The log is not what its newest checkpoint says.", advice="Run `passerelle audit verify`; send nothing."
            )
    found = [Finding("log", "log", "ok", f"{size:,} entries; the newest checkpoint fits.")]
    if newest.signed_at > now + SKEW:
        advice = "Set this machine's clock: consent is judged by it."
        found.append(Finding("log", "clock", "failed", "The newest checkpoint lies in the future.", advice))
    return found


def _fresh(workspace: "Workspace", now: int) -> list[Finding]:
    with workspace.store().read() as connection:
        stale = workspace.gate().stale(connection, now=now)
    if not stale:
        return [Finding("consent", "freshness", "ok", "Every source of consent is fresh enough.")]
    return [Finding("consent", each.source, "failed", *_stale(each)) for each in stale]


def _engine(workspace: "Workspace") -> list[Finding]:
    return [Finding("engine", workspace.settings.engine.kind, "ok", workspace.engine().check())]


def _lake(workspace: "Workspace", wanted: "BucketLake") -> list[Finding]:
    from passerelle.workflows.lake.standing import standing_of

    return [Finding("lake", *said) for said in standing_of(workspace, wanted)]


def _rules(workspace: "Workspace") -> list[Finding]:
    """model.yaml and the segments, held against the columns that the lake really has."""
    from passerelle.workflows.engine import segment_problems

    try:
        problems = segment_problems(workspace)
    except DefinitionError as error:  # nothing was pulled yet: there is nothing to hold them against
        return [Finding("segments", "rules", "warning", error.message, error.advice)]
    if not problems:
        return [Finding("segments", "rules", "ok", "Every rule speaks of columns that are there.")]
    wrong = [each for problem in problems if isinstance(problem, Unusable) for each in problem.problems]
    rest = [each for each in problems if not isinstance(each, Unusable)]
    found = [Finding("segments", f"{each.file}:{each.line}", "failed", each.message) for each in wrong]
    return found + [Finding("segments", "rules", "failed", each.message, each.advice) for each in rest]


def _names(workspace: "Workspace") -> list[Finding]:
    """Audiences whose name or description a platform may block, before it is told."""
    from passerelle.workflows.plan.naming import UNFIT_ADVICE, unfit_audiences

    found = [
        Finding("audiences", str(aim.place), "warning", f"It says {', '.join(words)}.", UNFIT_ADVICE)
        for aim, words in unfit_audiences(workspace)
    ]
    return found or [Finding("audiences", "names", "ok", "No name or rule speaks of what platforms flag.")]


def _words(workspace: "Workspace") -> list[Finding]:
    """Segments and clusters made of special categories, whether or not anybody is sent for them."""
    from passerelle.workflows.sensitive import warnings_of

    shown = [name for name in workspace.loaded.documents if name.startswith(("segments/", "clusters/"))]
    found = [Finding("rules", name, "warning", told) for name in sorted(shown) for told in warnings_of(workspace, name)]
    return found or [Finding("rules", "words", "ok", "No segment or cluster is made of special categories.")]


def _vendors(workspace: "Workspace") -> list[Finding]:
    """What should be on file about the platforms that people are sent to."""
    from passerelle.workflows.audit.vendors import reminders

    advice = "Write it into passerelle.yaml under `vendors:`; `passerelle audit vendors` shows what is there."
    return [Finding("record", name, "warning", f"Not on file: {what}.", advice) for name, what in reminders(workspace)]


def _told_of_deletions(workspace: "Workspace") -> Iterator[Finding]:
    """Sources that tell that another's records are gone: whether that other has such records."""
    for name, plugged in workspace.sources.items():
        if plugged.kind == "webhook_deletions":
            yield from _guarded("source", name, partial(_aimed, workspace, name))


def _aimed(workspace: "Workspace", name: str) -> list[Finding]:
    from passerelle.workflows.pull.delivered import aimed

    source: Any = workspace.source(name)
    aimed(workspace, source)
    return [Finding("source", name, "ok", f"It tells which of {source.of} are gone.")]


def _stale(source: Any) -> tuple[str, str]:  # noqa: ANN401 - the gate's StaleSource
    limit = f"the policy allows {source.limit_seconds / 3600:g} hours"
    advice = f"Run: passerelle pull {source.source}"
    if source.age_seconds is None:
        return f"Never pulled; {limit}. Nobody is added to an audience.", advice
    return f"{source.age_seconds / 3600:,.0f} hours old; {limit}. Nobody is added to an audience.", advice


def _others(workspace: "Workspace", progress: "Progress") -> Iterator[Finding]:
    """What sources and destinations say of themselves."""
    asked: list[tuple[str, str, Callable[[], Checked]]] = []
    asked += [("source", name, partial(workspace.source, name)) for name in workspace.sources]
    asked += [("destination", name, partial(workspace.destination, name)) for name in workspace.destinations]
    with progress.step("Asking sources and destinations", total=len(asked)) as step:
        for area, name, opened in asked:
            yield from _guarded(area, name, partial(_checked, area, name, opened))
            step.advance()


def _checked(area: str, name: str, opened: Callable[[], "Checked"]) -> list[Finding]:
    return [Finding(area, f"{name}: {each.name}", each.state, each.message, each.advice) for each in opened().check()]
