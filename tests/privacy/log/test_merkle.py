"""Known answers of RFC 6962, its definitions as a reference, and the mutations that a verifier must refuse."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.log import merkle
from passerelle.privacy.log.merkle import Place

# The inputs and roots that implementations of RFC 6962 share (certificate-transparency's reference tree).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(bytes.fromhex(text)) for text in INPUTS]


def reference(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + reference(leaves[:k]) + reference(leaves[k:])).digest()


def numbered(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


def nodes_of(leaves: Sequence[bytes]) -> merkle.Nodes:
    def node(place: Place) -> bytes:
        inside = leaves[place.position << place.level : (place.position + 1) << place.level]
        assert len(inside) == 1 << place.level, "only complete subtrees are asked for"
        return reference(inside)

    return node


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    assert merkle.root(b"".join(LEAVES[:size])).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root(b"") == merkle.root_at(0, nodes_of([])) == hashlib.sha256(b"").digest()


def test_paths_of_the_reference_tree() -> None:
    node = nodes_of(LEAVES)
    assert [step.hex()[:8] for step in merkle.inclusion_proof(0, 8, node)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [step.hex()[:8] for step in merkle.inclusion_proof(5, 8, node)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert [step.hex()[:8] for step in merkle.consistency_proof(6, 8, node)] == ["0ebc5d34", "ca854ea1", "d37ee418"]


@given(st.integers(0, 70))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    leaves = numbered(size)
    assert merkle.root(b"".join(leaves)) == merkle.root_at(size, nodes_of(leaves)) == reference(leaves)


def test_a_torn_leaf_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        merkle.root(b"x" * 33)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_a_tree_grown_in_batches_is_the_tree_grown_at_once(batches: list[int]) -> None:
    known: dict[Place, bytes] = {}
    size = 0
    leaves = numbered(sum(batches))
    for count in batches:
        added = leaves[size : size + count]
        known |= {Place(0, size + at): leaf for at, leaf in enumerate(added)}
        known |= merkle.grow(size, b"".join(added), known.__getitem__)
        size += count
        assert merkle.root_at(size, known.__getitem__) == reference(leaves[:size])
    assert len(known) == sum(size >> level for level in range(size.bit_length() + 1))


def test_appending_reads_few_nodes() -> None:
    leaves = numbered(1000)
    known = {Place(0, at): leaf for at, leaf in enumerate(leaves)}
    known |= merkle.grow(0, b"".join(leaves), known.__getitem__)
    asked: list[Place] = []

    def node(place: Place) -> bytes:
        asked.append(place)
        return known[place]

    merkle.grow(1000, merkle.leaf_hash(b"new"), node)
    merkle.root_at(1000, node)
    merkle.consistency_proof(500, 1000, node)
    assert len(asked) < 40


def mutations(proof: list[bytes], root: bytes) -> list[list[bytes]]:
    flipped = [bytes([step[0] ^ 1]) + step[1:] for step in proof]
    changed = [[*proof[:at], flipped[at], *proof[at + 1 :]] for at in range(len(proof))]
    removed = [proof[:at] + proof[at + 1 :] for at in range(len(proof))]
    garbage = [[b"\0" * 32, *proof], [*proof, b"\0" * 32], [root, *proof], [*proof, root], [*proof, b"short"]]
    swapped = [proof[::-1]] if proof != proof[::-1] else []
    return changed + removed + garbage + swapped


@settings(deadline=None)
@given(st.integers(1, 70), st.data())
def test_only_true_inclusion_is_believed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = numbered(size)
    root = reference(leaves)
    proof = merkle.inclusion_proof(index, size, nodes_of(leaves))
    assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
    for wrong in mutations(proof, root):
        assert not merkle.verify_inclusion(leaves[index], index, size, wrong, root)
    for other in (index - 1, index + 1, index ^ 2, index + size, -1):
        if other != index:
            assert not merkle.verify_inclusion(leaves[index], other, size, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, size * 2, proof, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"another"), index, size, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, size, proof, b"\0" * 32)
    assert not merkle.verify_inclusion(leaves[index][:31], index, size, proof, root)


@settings(deadline=None)
@given(st.integers(1, 70), st.data())
def test_only_true_consistency_is_believed(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    leaves = numbered(second)
    old, new = reference(leaves[:first]), reference(leaves)
    proof = merkle.consistency_proof(first, second, nodes_of(leaves))
    assert merkle.verify_consistency(first, second, old, new, proof)
    for wrong in mutations(proof, new):
        assert not merkle.verify_consistency(first, second, old, new, wrong)
    for sizes in ((first + 1, second), (first, second * 2), (second + 1, first), (0, second)):
        assert not merkle.verify_consistency(*sizes, old, new, proof) or sizes == (first, second)
    assert not merkle.verify_consistency(first, second, b"\0" * 32, new, proof)
    assert not merkle.verify_consistency(first, second, old, b"\0" * 32, proof)


def test_proofs_of_what_is_not_there_are_not_made() -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_proof(3, 3, nodes_of(numbered(3)))
    with pytest.raises(ValueError, match="consistency"):
        merkle.consistency_proof(0, 3, nodes_of(numbered(3)))
