"""Hidden states: held against every path there is, and found again where we know them."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.segmentation.journeys import hidden as hmm
from passerelle.segmentation.journeys.hidden import NOTHING, Hidden


def by_hand(seed: int, states: int, symbols: int) -> Hidden:
    chance = np.random.default_rng(seed)
    return Hidden(
        chance.dirichlet(np.ones(states)),
        chance.dirichlet(np.ones(states), states),
        chance.dirichlet(np.ones(symbols), states),
    )


def every_path(row: list[int], model: Hidden) -> dict[tuple[int, ...], float]:
    """How likely each path of states is together with what was seen."""
    found = {}
    for path in product(range(model.states), repeat=len(row)):
        likely = model.start[path[0]] * model.shows[path[0], row[0]]
        for before, after, symbol in zip(path, path[1:], row[1:], strict=False):
            likely *= model.moves[before, after] * model.shows[after, symbol]
        found[path] = float(likely)
    return found


ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=4)


def padded(rows: list[list[int]]) -> hmm.Seen:
    long = max(map(len, rows))
    return np.array([row + [NOTHING] * (long - len(row)) for row in rows], np.int64)


@settings(max_examples=20)
@given(ROWS, st.integers(0, 9), st.integers(1, 3))
def test_likelihood_and_state_are_those_of_every_path_there_is(rows: list[list[int]], seed: int, states: int) -> None:
    model, seen = by_hand(seed, states, 3), padded(rows)
    paths = [every_path(row, model) for row in rows]
    assert hmm.log_likelihood(seen, model) == pytest.approx(sum(np.log(sum(each.values())) for each in paths))
    state, doubt = hmm.now(seen, model)
    for one, unsure, each in zip(state.tolist(), doubt.tolist(), paths, strict=True):
        last = [sum(p for path, p in each.items() if path[-1] == which) for which in range(states)]
        assert last[one] == pytest.approx(max(last))
        assert unsure == pytest.approx(1 - max(last) / sum(last), abs=1e-9)


@settings(max_examples=10)
@given(ROWS, st.integers(0, 9))
def test_a_step_puts_in_what_every_path_expects(rows: list[list[int]], seed: int) -> None:
    model, seen = by_hand(seed, 2, 3), padded(rows)
    start, moves, shows = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 3))
    for row in rows:
        paths = every_path(row, model)
        whole = sum(paths.values())
        for path, likely in paths.items():
            start[path[0]] += likely / whole
            for before, after in pairwise(path):
                moves[before, after] += likely / whole
            for state, symbol in zip(path, row, strict=True):
                shows[state, symbol] += likely / whole
    found, _ = hmm.improved(seen, model, rounds=1)
    for expected, got in ((start, found.start), (moves, found.moves), (shows, found.shows)):
        weights = expected + 0.01
        assert got == pytest.approx(weights / weights.sum(axis=-1, keepdims=True))


@settings(max_examples=5)
@given(ROWS, st.integers(0, 9))
def test_steps_never_make_it_less_likely(rows: list[list[int]], seed: int) -> None:
    seen, model = np.repeat(padded(rows), 50, axis=0), by_hand(seed, 2, 3)
    before = hmm.log_likelihood(seen, model)
    for _ in range(5):
        model, _ = hmm.improved(seen, model, rounds=1)
        likely = hmm.log_likelihood(seen, model)
        assert likely >= before - 0.05, "the prior moves it by no more"
        before = likely


def walks(model: Hidden, people: int, long: int, seed: int) -> tuple[hmm.Seen, hmm.Seen]:
    """What people show who walk by the model, and the state in which each ends."""
    chance = np.random.default_rng(seed)
    seen, last = np.zeros((people, long), np.int64), np.zeros(people, np.int64)
    for one in range(people):
        state = int(chance.choice(model.states, p=model.start))
        for at in range(long):
            if at:
                state = int(chance.choice(model.states, p=model.moves[state]))
            seen[one, at] = chance.choice(model.shows.shape[1], p=model.shows[state])
        last[one] = state
    return seen, last


TRUE = Hidden(
    np.array([0.8, 0.2]), np.array([[0.9, 0.1], [0.15, 0.85]]), np.array([[0.8, 0.15, 0.05], [0.05, 0.15, 0.8]])
)


def test_states_that_we_know_are_found_again_and_two_are_better_than_one_or_three() -> None:
    seen, last = walks(TRUE, 150, 20, 4)
    fits = {states: hmm.fit(seen, states, 3, seeds=range(2)) for states in (1, 2, 3)}
    scores = {states: hmm.criterion(likely, states, 3, seen.size) for states, (_, likely) in fits.items()}
    assert min(scores, key=lambda states: scores[states]) == 2
    found = fits[2][0]
    found = found.ordered(np.argsort(-found.shows[:, 0]))
    assert found.shows == pytest.approx(TRUE.shows, abs=0.06)
    assert found.moves == pytest.approx(TRUE.moves, abs=0.06)
    state, _ = hmm.now(seen, found)
    assert (state == last).mean() > 0.85
    again, likely = hmm.fit(seen, 2, 3, seeds=range(2))
    assert likely == fits[2][1]
    assert np.array_equal(again.moves, fits[2][0].moves)


def test_whoever_did_nothing_is_nowhere() -> None:
    state, doubt = hmm.now(np.array([[NOTHING, NOTHING], [0, NOTHING]]), TRUE)
    assert state.tolist() == [NOTHING, 0]
    assert np.isnan(doubt[0])
