"""The sample of people on whom the match is estimated."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from passerelle.workflows.plan.estimate import sample

IDS = st.lists(st.integers(1, 2**62), unique=True, max_size=60).map(lambda ids: np.array(sorted(ids), np.int64))


@given(IDS, st.integers(0, 70))
def test_a_sample_is_some_of_them_and_always_the_same(ids: np.ndarray, size: int) -> None:
    chosen = sample(ids, size)
    assert len(chosen) == min(size, len(ids))
    assert np.isin(chosen, ids).all()
    assert (chosen == np.unique(chosen)).all()
    assert (chosen == sample(ids, size)).all()


def test_newer_people_are_drawn_as_often_as_older_ones() -> None:
    chosen = sample(np.arange(1, 100_001), 5_000)
    assert 2_300 < (chosen <= 50_000).sum() < 2_700
