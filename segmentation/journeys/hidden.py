"""Hidden Markov models of journeys: states that nobody sees, told from what people do one thing after another. Pure.

Categorical emissions, fitted by Baum and Welch's method with scaled forward and backward passes (Rabiner, "A tutorial
on hidden Markov models", Proceedings of the IEEE 77, 1989). Sums are made in one order, without BLAS, so that the same
people give the same numbers on every machine that adds alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Seen = npt.NDArray[np.int64]
"""A row per person: symbols in the order of time, then `NOTHING`."""

NOTHING = -1
_PRIOR = 0.01
"""Added to each expected count: what nobody did so far stays possible."""
_ROUNDS, _ENOUGH = 100, 1e-5
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """Chances: of each state first (`start`), of each state after each (`moves`), of each symbol in each (`shows`)."""

    start: Matrix
    moves: Matrix
    shows: Matrix

    @property
    def states(self) -> int:
        """How many."""
        return len(self.start)

    def ordered(self, order: npt.NDArray[np.int64]) -> "Hidden":
        """The same, with its states in another order."""
        return Hidden(self.start[order], self.moves[order][:, order], self.shows[order])


def guess(states: int, symbols: int, seed: int) -> Hidden:
    """Where a fit begins: chances by chance, of which staying is the likeliest move."""
    chance = np.random.default_rng([seed, states])
    moves = chance.dirichlet(np.full(states, 5.0), states) + 2 * np.eye(states)
    shows = chance.dirichlet(np.ones(symbols), states)
    return Hidden(np.full(states, 1 / states), _shares(moves), _shares(shows + 0.1))


def fit(seen: Seen, states: int, symbols: int, *, seeds: Iterable[int]) -> tuple[Hidden, float]:
    """The model with the greatest likelihood of those that several beginnings lead to; and its logarithm."""
    return max((improved(seen, guess(states, symbols, seed)) for seed in seeds), key=lambda found: found[1])


def improved(seen: Seen, hidden: Hidden, *, rounds: int = _ROUNDS) -> tuple[Hidden, float]:
    """Baum and Welch's steps from `hidden` on, until the likelihood hardly grows; and its logarithm before the last."""
    before = -np.inf
    for _ in range(rounds):
        hidden, likely = _step(seen, hidden)
        if likely - before < _ENOUGH * abs(likely):
            break
        before = likely
    return hidden, float(likely)


def log_likelihood(seen: Seen, hidden: Hidden) -> float:
    """How likely the model makes all of it, as a natural logarithm."""
    _, scale = _forward(seen, hidden)
    return float(np.log(scale[seen != NOTHING]).sum())


def criterion(likely: float, states: int, symbols: int, observations: int) -> float:
    """The Bayesian information criterion: the smaller, the better (Schwarz 1978)."""
    free = (states - 1) + states * (states - 1) + states * (symbols - 1)
    return free * float(np.log(observations)) - 2 * likely


def now(seen: Seen, hidden: Hidden) -> tuple[Seen, Matrix]:
    """The state in which each person most likely is after all that they did, and how likely it is that they are not.

    -1 and not a number for whoever did nothing.
    """
    state, doubt = np.full(len(seen), NOTHING, np.int64), np.full(len(seen), np.nan)
    for first in range(0, len(seen), _AT_ONCE):
        part = seen[first : first + _AT_ONCE]
        chances = np.full((len(part), hidden.states), np.nan)
        for at in range(part.shape[1]):
            here = part[:, at] != NOTHING
            if at:
                before = np.einsum("ni,ij->nj", chances[here], hidden.moves)
            else:
                before = np.broadcast_to(hidden.start, (int(here.sum()), hidden.states))
            told = before * hidden.shows[:, part[here, at]].T
            chances[here] = told / told.sum(axis=1, keepdims=True)
        known = ~np.isnan(chances[:, 0])
        state[first : first + len(part)][known] = chances[known].argmax(axis=1)
        doubt[first : first + len(part)][known] = 1 - chances[known].max(axis=1)
    return state, doubt


def occupied(seen: Seen, hidden: Hidden) -> Matrix:
    """The share of all that was seen that falls into each state."""
    gamma, _ = _smoothed(seen, hidden)
    found: Matrix = gamma.sum(axis=(0, 1))
    return _shares(found)


def _forward(seen: Seen, hidden: Hidden) -> tuple[Matrix, Matrix]:
    """Chances of each state given what was seen so far, and by how much each was scaled; 1 after the end."""
    many, long = seen.shape
    alpha, scale = np.zeros((many, long, hidden.states)), np.ones((many, long))
    for at in range(long):
        before = hidden.start if at == 0 else np.einsum("ni,ij->nj", alpha[:, at - 1], hidden.moves)
        told = before * hidden.shows[:, np.maximum(seen[:, at], 0)].T
        here = seen[:, at] != NOTHING
        scale[here, at] = told[here].sum(axis=1)
        alpha[here, at] = told[here] / scale[here, at, None]
    return alpha, scale


def _backward(seen: Seen, hidden: Hidden, scale: Matrix) -> Matrix:
    """What was seen afterwards, given each state, by the same scale; 1 at the last of each person."""
    beta = np.ones((*seen.shape, hidden.states))
    for at in range(seen.shape[1] - 2, -1, -1):
        later = hidden.shows[:, np.maximum(seen[:, at + 1], 0)].T * beta[:, at + 1] / scale[:, at + 1, None]
        goes_on = seen[:, at + 1] != NOTHING
        beta[goes_on, at] = np.einsum("ij,nj->ni", hidden.moves, later[goes_on])
    return beta


def _smoothed(seen: Seen, hidden: Hidden) -> tuple[Matrix, tuple[Matrix, Matrix, Matrix]]:
    alpha, scale = _forward(seen, hidden)
    beta = _backward(seen, hidden, scale)
    return alpha * beta, (alpha, beta, scale)


def _step(seen: Seen, hidden: Hidden) -> tuple[Hidden, float]:
    """One step, and the likelihood of what it began with."""
    gamma, (alpha, beta, scale) = _smoothed(seen, hidden)
    there = seen != NOTHING
    shows = np.stack([gamma[seen == symbol].sum(axis=0) for symbol in range(hidden.shows.shape[1])], axis=1)
    moved = np.zeros_like(hidden.moves)
    for at in range(seen.shape[1] - 1):
        on = there[:, at + 1]
        later = hidden.shows[:, seen[on, at + 1]].T * beta[on, at + 1] / scale[on, at + 1, None]
        moved += np.einsum("ni,nj->ij", alpha[on, at], later)
    found = Hidden(
        _shares(gamma[there[:, 0], 0].sum(axis=0) + _PRIOR),
        _shares(moved * hidden.moves + _PRIOR),
        _shares(shows + _PRIOR),
    )
    return found, float(np.log(scale[there]).sum())


def _shares(weights: Matrix) -> Matrix:
    shares: Matrix = weights / weights.sum(axis=-1, keepdims=True)
    return shares
