import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.linkage import chains, components, partners

EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


def reference(nodes: int, edges: list[tuple[int, int]]) -> list[int]:
    parent = list(range(nodes))

    def find(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for left, right in edges:
        low, high = sorted((find(left), find(right)))
        parent[high] = low
    return [find(node) for node in range(nodes)]


@given(EDGES, st.randoms())
def test_components_are_those_of_union_find_in_any_order(edges: list[tuple[int, int]], random: st.randoms) -> None:  # type: ignore[valid-type]
    expected = reference(20, edges)
    random.shuffle(edges)  # type: ignore[attr-defined]
    ends = np.array(edges, np.int64).reshape(-1, 2)
    assert components(20, ends[:, 0], ends[:, 1]).tolist() == expected


def test_long_chains_are_followed_to_their_end() -> None:
    nodes = np.random.default_rng(1).permutation(100_000)
    assert not components(100_000, nodes[:-1], nodes[1:]).any()


def test_chains_tie_equal_groups() -> None:
    group = np.array([5, 7, 5, 9, 7, 5])
    labels = components(6, *chains(group))
    assert labels.tolist() == [0, 1, 0, 3, 1, 0]


def test_partners_counts_distinct_companions_of_the_richest_kind() -> None:
    # Rows: (phone 0, mail 1), (phone 0, mail 2, id 4), (phone 0, mail 2), (mail 3)
    row, code = np.array([0, 0, 1, 1, 1, 2, 2, 3]), np.array([0, 1, 0, 2, 4, 0, 2, 3])
    kind = np.array([2, 1, 1, 1, 3])
    everybody = np.ones(5, np.bool_)
    assert partners(row, code, kind, everybody).tolist() == [2, 1, 1, 0, 1]
    assert partners(row, code, kind, np.array([True, False, False, False, False])).tolist() == [2, 0, 0, 0, 0]
