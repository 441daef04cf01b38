"""In which hidden state each person is, by a fitted model: a pure function of what they did. Needs NumPy alone."""

import json

import numpy as np
import pyarrow as pa

from passerelle.segmentation.clusters.model import NONE, ClusterModel, HiddenStates
from passerelle.segmentation.journeys.hidden import NOTHING, Hidden, Seen, now
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels, slices
from passerelle.segmentation.learning.unfit import Unfit

MOST_SEEN = 50
"""Of each person the last so many instants count."""

_SYMBOLS, _DIGEST = b"symbols", b"digest"
_AT_ONCE = 50_000
_DIGITS = 9


def standing_in(model: ClusterModel, raw: pa.Table) -> tuple[Labels, Matrix]:
    """Each person's label, and how likely it is that they are in another state; not a number for who did nothing.

    Raises `HeldBack` where the journey is another one than was fitted.
    """
    hidden = model.hidden
    if hidden is None:
        raise ValueError("this model has no hidden states")
    if symbols_of(raw) != (hidden.symbols, hidden.journey_digest):
        raise another_journey(model, hidden).error
    labels, doubt = np.full(raw.num_rows, NONE, np.int64), np.full(raw.num_rows, np.nan)
    called = np.array([*model.labels, NONE], np.int64)  # the last is for who did nothing
    chances = chances_of(hidden)
    for part in slices(raw.num_rows, _AT_ONCE):
        state, unsure = now(seen_in(raw.slice(part.start, part.stop - part.start)), chances)
        labels[part], doubt[part] = called[state], np.round(unsure, _DIGITS)
    return labels, doubt


def another_journey(model: ClusterModel, hidden: HiddenStates) -> Unfit:
    """Why hidden states may not be relied on: their journey is another one by now."""
    return Unfit(
        f"The journey `{hidden.journey}` is another one than the states of `{model.cluster}` were fitted to.",
        f"Run `passerelle cluster fit {model.cluster}`.",
    )


def chances_of(hidden: HiddenStates) -> Hidden:
    """The numbers of the file, to compute with."""
    return Hidden(np.array(hidden.start), np.array(hidden.moves), np.array(hidden.shows))


def described(table: pa.Table, symbols: list[str], digest: str) -> pa.Table:
    """The same table, with the names of the journey's states and a digest of what model.yaml says of it beside."""
    return table.replace_schema_metadata({_SYMBOLS: json.dumps(symbols).encode(), _DIGEST: digest.encode()})


def symbols_of(table: pa.Table) -> tuple[list[str], str]:
    """The names of the states, and the digest of the journey."""
    about = table.schema.metadata
    return json.loads(about[_SYMBOLS]), about[_DIGEST].decode()


def seen_in(table: pa.Table) -> Seen:
    """A row per person: the last `MOST_SEEN` states, then `NOTHING`."""
    lists = table["seen"].combine_chunks()
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    many = np.minimum(np.diff(offsets), MOST_SEEN)
    seen = np.full((len(many), int(many.max(initial=1))), NOTHING, np.int64)
    row = np.repeat(np.arange(len(many)), many)
    column = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
    seen[row, column] = values[np.repeat(offsets[1:] - many, many) + column]
    return seen
