"""Segments on a workspace: its lake as the dataset, its control store as the history of thresholds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import Connection, RowMapping, and_, or_, select

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import subject, threshold
from passerelle.segmentation import (
    Dataset,
    DatasetTable,
    Explained,
    Membership,
    Misdefined,
    Preview,
    RfmMap,
    ThresholdValue,
    check,
    evaluate,
    explain,
    fit,
    map_rfm,
    preview,
)
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.fitted import FOLDER, Fitted, Scaled, read, write
from passerelle.segmentation.scores.known import Scores, ScoreStanding
from passerelle.workflows.settings.problems import from_definition
from passerelle.workflows.settings.unusable import Unusable

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace

_HOUR = 3_600_000_000
_KEPT, _ACCEPTED = 1, 2
"""What the column `kept` says of a threshold's value."""


class StoredHistory:
    """The history of thresholds in the control store's `threshold` table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def last(self, name: str, group: str, *, before: int) -> ThresholdValue | None:
        """See `History`."""
        c = threshold.c
        statement = (
            select(threshold)
            .where(c.name == name, c.group == group)
            .where(or_(c.as_of < before, and_(c.as_of == before, c.kept == _ACCEPTED)))
            .order_by(c.as_of.desc())
            .limit(1)
        )
        with self._store.read() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else _threshold_value(row)

    def series(self, name: str) -> list[ThresholdValue]:
        """See `History`."""
        c = threshold.c
        statement = select(threshold).where(c.name == name).order_by(c.group, c.as_of)
        with self._store.read() as connection:
            return [_threshold_value(row) for row in connection.execute(statement).mappings()]

    def save(self, values: Sequence[ThresholdValue]) -> None:
        """See `History`."""
        if values:
            with self._store.write() as connection:
                self.save_in(connection, values)

    def save_in(self, connection: Connection, values: Sequence[ThresholdValue]) -> None:
        """Save them together with what else `connection` writes."""
        rows: dict[str, list[object]] = {
            "name": [value.name for value in values],
            "group": [value.group for value in values],
            "as_of": [value.as_of for value in values],
            "value": [None if value.value is None else json.dumps(format(value.value, "f")) for value in values],
            "definition": [value.definition for value in values],
            "kept": [_ACCEPTED if value.accepted else _KEPT if value.kept else 0 for value in values],
        }
        self._store.insert(connection, threshold, rows, on_conflict="replace")


def _threshold_value(row: RowMapping) -> ThresholdValue:
    value = None if row["value"] is None else Decimal(json.loads(row["value"]))
    kept, accepted = row["kept"] == _KEPT, row["kept"] == _ACCEPTED
    return ThresholdValue(row["name"], row["group"], row["as_of"], value, row["definition"], kept, accepted)


class Unsaved(StoredHistory):
    """The same history, to which nothing is added."""

    def save(self, values: Sequence[ThresholdValue]) -> None:
        """Keep nothing."""


def run_segments(
    workspace: "Workspace",
    names: Sequence[str],
    *,
    as_of: int | None,
    now: int,
    progress: "Progress",
    values: Mapping[str, Sequence[str]] | None = None,
    data: Dataset | None = None,
) -> dict[str, Membership]:
    """The people of the named segments as of `as_of` (by default `now`, floored to the hour); thresholds are saved.

    `values`: by segment, traits whose value is told of each of its people. `data`: what they are computed from, by
    default the workspace's `dataset`.
    Raises `Unusable` with file and line where a definition is wrong, before any data is read.
    """
    with located(workspace), progress.step("Computing segments", total=len(names)) as step:
        found = evaluate(
            list(names),
            model=workspace.model,
            segments=workspace.segments,
            dataset=data if data is not None else dataset(workspace),
            as_of=instant(as_of, now),
            history=StoredHistory(workspace.store()),
            values=values,
            standings=lambda found, at: note_standings(workspace, found, at),
        )
        step.advance(len(names))
        return found


def note_standings(workspace: "Workspace", found: Mapping[str, Standing | ScoreStanding], at: int) -> None:
    """Remember how models do at an instant: by what rules call them, `cluster.NAME` or `score.NAME`."""
    for word, each in found.items():
        name = word.partition(".")[2]
        if isinstance(each, Standing):
            workspace.models().note_standing(name, each, at)
        else:
            workspace.score_models().note_standing(name, each, at)


def look_at_segments(
    workspace: "Workspace", names: Sequence[str], *, now: int, progress: "Progress"
) -> dict[str, Membership]:
    """The people of the named segments now; nothing is saved."""
    with located(workspace), progress.step("Computing segments", total=len(names)) as step:
        found = evaluate(
            list(names),
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=instant(None, now),
            history=Unsaved(workspace.store()),
        )
        step.advance(len(names))
        for problem in (each.held for each in found.values() if each.held is not None):
            raise problem.error
        return found


def preview_segment(
    workspace: "Workspace", name: str, *, as_of: int | None, now: int, by: str | None, minimum: int = 0
) -> Preview:
    """A look at one segment; nothing is saved."""
    with located(workspace):
        return preview(
            name,
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=instant(as_of, now),
            history=StoredHistory(workspace.store()),
            by=by,
            minimum=minimum,
        )


def rfm_scores(workspace: "Workspace", *, as_of: int, minimum: int) -> RfmMap:
    """How many people have which scores; nothing is saved."""
    with located(workspace):
        return map_rfm(
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=as_of,
            minimum=minimum,
        )


def explain_segment(workspace: "Workspace", name: str, subject_id: int, *, as_of: int | None, now: int) -> Explained:
    """Why one person is in a segment or not; nothing is saved."""
    with located(workspace):
        return explain(
            name,
            subject_id,
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=instant(as_of, now),
            history=StoredHistory(workspace.store()),
        )


def instant(as_of: int | None, now: int) -> int:
    """The run's instant: runs within one hour are one and the same, so that a repeated run changes nothing."""
    return now - now % _HOUR if as_of is None else as_of


def dataset(workspace: "Workspace") -> Dataset:
    """The lake's tables that model.yaml names, with who was merged and who was erased."""
    tables = workspace.lake().tables()
    missing = [item.from_ for item in workspace.model.tables.values() if item.from_ not in tables]
    if missing:
        named = ", ".join(f"`{name}`" for name in dict.fromkeys(missing))
        raise DefinitionError(
            f"There is nothing yet that segments may read of {named}.",
            advice="Run `passerelle pull`, then try again; `passerelle quality report` says what is held back.",
        )
    store = workspace.store()
    with store.read() as connection:
        merges = workspace.subjects().merges(connection)
    return Dataset(
        {
            name: DatasetTable(name, table.grain, table.columns, table.files, table.named)
            for name, table in tables.items()
        },
        merges=merges.set_column(1, "merged_into", merges.column("merged_into").cast(pa.int64())),
        gone=erased(workspace),
        engine=workspace.engine(),
        fitted=fitted_numbers(workspace),
        clusters=Clusters(workspace.clusters, workspace.models()),
        scores=Scores(workspace.scores, workspace.score_models()),
    )


def erased(workspace: "Workspace") -> pa.Int64Array:
    """The numbers of everybody whose erasure was asked for."""
    store = workspace.store()
    with store.read() as connection:
        found = store.table(connection, select(subject.c.subject_id).where(subject.c.erased_at.is_not(None)))
    return found.column("subject_id").combine_chunks()


def fitted_numbers(workspace: "Workspace") -> dict[str, Fitted]:
    """The numbers in force that scaled traits rest on, by trait."""
    return {name: file.versions[-1] for name, file in read(workspace.folder / FOLDER).items()}


def fit_traits(workspace: "Workspace", names: Sequence[str], *, now: int) -> dict[str, tuple[Fitted | None, Fitted]]:
    """Fit the named scaled traits, or all, as of this hour: by name, the numbers before and now, which are kept.

    Raises `Unusable` with file and line where one cannot be fitted; those before it are kept all the same.
    """
    scaled = [name for name, trait in workspace.model.traits.items() if isinstance(trait, Scaled)]
    folder = workspace.folder / FOLDER
    done: dict[str, tuple[Fitted | None, Fitted]] = {}
    for name in names or scaled:
        before = read(folder).get(name)
        last = before.versions[-1] if before else None
        with located(workspace):
            new = fit(
                name,
                last.version + 1 if last else 1,
                model=workspace.model,
                segments=workspace.segments,
                dataset=dataset(workspace),
                as_of=instant(None, now),
                history=StoredHistory(workspace.store()),
            )
        write(folder, name, before, new)
        done[name] = (last, new)
    return done


def segment_problems(workspace: "Workspace") -> list[DefinitionError]:
    """Everything that is wrong with model.yaml and the segments, held against the lake's columns."""
    amounts = sorted({each.value.trait for each in workspace.audiences.values() if each.value is not None})
    found = dataset(workspace)
    problems = check(
        workspace.model,
        workspace.segments,
        found.tables,
        amounts=amounts,
        fitted=found.fitted,
        clusters=found.clusters,
        scores=found.scores,
    )
    return [_with_line(workspace, problem) for problem in problems]


@contextmanager
def located(workspace: "Workspace") -> Iterator[None]:
    """Say of what is wrong in a definition in which line of the workspace's file it stands."""
    try:
        yield
    except Misdefined as problem:
        raise _with_line(workspace, problem) from None


def _with_line(workspace: "Workspace", problem: Misdefined) -> DefinitionError:
    document = workspace.loaded.documents.get(problem.document)
    return problem if document is None else Unusable(from_definition(problem, document))
