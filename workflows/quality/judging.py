"""What people say of pairs: kept, and counted from then on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from passerelle.privacy.consent.likely import judge
from passerelle.privacy.vocabulary import SubjectRef
from passerelle.workflows.quality.review import Judged

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def judge_pairs(workspace: "Workspace", judged: Sequence[Judged], *, now: int) -> tuple[int, int, int]:
    """Keep these judgements: how many pairs are tied since, how many are let go, and of how many one is not known."""
    store, subjects = workspace.store(), workspace.subjects()
    with store.write() as connection:
        one, other = (subjects.by_refs(connection, [SubjectRef(line.refs[side]) for line in judged]) for side in (0, 1))
        pairs = pa.table(
            {
                "subject_id": pa.array(one, pa.int64()),
                "other_id": pa.array(other, pa.int64()),
                "same": pa.array([line.same for line in judged], pa.bool_()),
            }
        ).drop_null()
        tied, let_go = judge(store, connection, pairs, now=now) if pairs.num_rows else (0, 0)
    return tied, let_go, len(judged) - pairs.num_rows
