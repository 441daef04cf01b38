"""Which candidates are one person, told from the candidates themselves by a mixture of kinds of pairs; no labels.

I. P. Fellegi and A. B. Sunter, "A theory for record linkage", JASA 64 (1969), weigh a pair by how much likelier its
agreements are for one person than for two; W. E. Winkler (1988) estimates both likelihoods by EM (Dempster, Laird and
Rubin 1977). Their two kinds of pairs don't do where agreements come in bundles: a couple agrees on name, street, postal
code and town, and is two people. So the pairs of different people are several kinds here: those that agree on nothing,
those that agree on one column and what goes with it, and households. Within a kind, columns are independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from passerelle.privacy.duplicates.columns import Column
from passerelle.privacy.duplicates.levels import LEVELS, MISSING

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_AGREE = np.array([0.05, 0.05, 0.1, 0.8])
_DIFFER = np.array([0.9, 0.06, 0.02, 0.02])
_DIFFERS, _CLOSE = 0, 2
_SEEN_BEFORE = 20.0
"""How many pairs of one person it is assumed to have seen, which agreed as `_AGREE` says."""
_MOSTLY_KEPT = 0.15
_OFTEN_KEPT = 0.6
"""At most this share of one person's pairs differs in a column that people keep for life; in any other."""
_IN_HOUSEHOLDS = 0.1
"""At most this share of a household's pairs agrees in a column that is one's own: twins, sons named like fathers."""
_ROUNDS = 200
_STILL = 1e-6
_PERSON, _NOTHING, _FIRST_COLUMN, _HOUSEHOLD = 0, 1, 2, -1


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """`probability`: per pattern, that its pairs are one person. `agreement`: one person's levels (columns, levels)."""

    probability: Floats
    agreement: Floats


def fit(levels: Counts, count: Floats, columns: Sequence[Column]) -> Fitted:
    """EM over patterns of levels (patterns, columns) and how many pairs have each.

    The products are `einsum`'s own: on matrices this thin, threads of a BLAS wait for each other longer than they work.
    """
    width = len(columns) * len(LEVELS)
    shown = (levels[:, :, None] == np.arange(MISSING)).reshape(len(levels), width).astype(np.float64)
    usual = (count @ shown).reshape(len(columns), len(LEVELS)) + 0.5
    usual /= usual.sum(axis=1, keepdims=True)
    kinds = _first_guess(columns)
    share = np.full(len(kinds), 0.9 / (len(kinds) - 1))
    share[_PERSON] = 0.1
    before = -np.inf
    belongs = np.zeros((len(levels), len(kinds)))
    for _ in range(_ROUNDS):
        logs = np.einsum("pw,kw->pk", shown, np.log(kinds).reshape(len(kinds), width)) + np.log(share)
        top = logs.max(axis=1, keepdims=True)
        belongs = np.exp(logs - top)
        total = belongs.sum(axis=1, keepdims=True)
        belongs /= total
        likelihood = float(count @ (top + np.log(total))[:, 0])
        if abs(likelihood - before) <= _STILL * abs(likelihood):
            break
        before = likelihood
        here = belongs * count[:, None]
        share = np.maximum(here.sum(axis=0) / count.sum(), 1e-9)
        kinds = _next_guess(np.einsum("pk,pw->kw", here, shown).reshape(kinds.shape), usual, columns)
    return Fitted(belongs[:, _PERSON], kinds[_PERSON])


def _first_guess(columns: Sequence[Column]) -> Floats:
    """One person; agreement on nothing, on each column alone; a household: (kinds, columns, levels)."""
    kinds = np.tile(_DIFFER, (_FIRST_COLUMN + len(columns) + 1, len(columns), 1))
    kinds[_PERSON] = _AGREE
    for place, column in enumerate(columns):
        kinds[_FIRST_COLUMN + place, place] = _AGREE
        if not column.own:
            kinds[_HOUSEHOLD, place] = _AGREE
    return kinds


def _next_guess(counted: Floats, usual: Floats, columns: Sequence[Column]) -> Floats:
    """The kinds' distributions of levels, held to what is known of people and households."""
    counted[_PERSON] += _AGREE * _SEEN_BEFORE
    counted[_NOTHING:] += usual + 0.01
    kinds: Floats = counted / counted.sum(axis=2, keepdims=True)
    differing = np.array([_MOSTLY_KEPT if column.lasting else _OFTEN_KEPT for column in columns])
    own = np.array([column.own for column in columns])
    kinds[_PERSON] = _at_most(kinds[_PERSON], slice(_DIFFERS, _DIFFERS + 1), differing)
    kinds[_HOUSEHOLD] = _at_most(kinds[_HOUSEHOLD], slice(_CLOSE, None), np.where(own, _IN_HOUSEHOLDS, 1))
    return kinds


def _at_most(levels: Floats, which: slice, limit: Floats) -> Floats:
    """These levels' share held to a limit per column, the others scaled up."""
    share = levels[:, which].sum(axis=1)
    over = share > limit
    scaled = np.where(over, (1 - limit) / np.maximum(1 - share, 1e-12), 1.0)[:, None] * levels
    scaled[:, which] = np.where(over, limit / np.maximum(share, 1e-12), 1.0)[:, None] * levels[:, which]
    return scaled
