import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.note import Said, Signer, checkpoint_text
from passerelle.privacy.log.tlog_proof import TlogProof
from tests.privacy.log.test_merkle import mutations, nodes_of, numbered, reference

LOG = Signer("passerelle/test", b"\5" * 32)


def made(index: int, size: int, extra: bytes = b"") -> TlogProof:
    leaves = numbered(size)
    note = LOG.sign(checkpoint_text(Said("passerelle/test", size, reference(leaves), signed_at=7, after=0)))
    return TlogProof(index, tuple(merkle.inclusion_proof(index, size, nodes_of(leaves))), note, extra)


@settings(deadline=None)
@given(st.integers(1, 60), st.data(), st.binary(max_size=40))
def test_a_file_reads_as_it_was_written_and_shows_its_entry_and_no_other(
    size: int, data: st.DataObject, extra: bytes
) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = made(index, size, extra)
    again = TlogProof.parse(proof.text)
    assert again == proof
    leaf = numbered(size)[index]
    assert again.shown_by(leaf, LOG.verifier).size == size
    wrong = [TlogProof(index, tuple(path), proof.note) for path in mutations(list(proof.path), b"\0" * 32)]
    wrong += [TlogProof(other, proof.path, proof.note) for other in (index - 1, index + 1, index + size)]
    for one in wrong:
        with pytest.raises(IntegrityError):
            one.shown_by(leaf, LOG.verifier)
    with pytest.raises(IntegrityError):
        proof.shown_by(merkle.leaf_hash(b"another"), LOG.verifier)


def test_its_lines_are_those_of_the_standard() -> None:
    lines = made(2, 3, b"abc").text.split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra YWJj", "index 2"]
    assert len(base64.b64decode(lines[3])) == 32
    assert lines[4:7] == ["", "passerelle/test", "3"]
    assert made(0, 1).text.startswith("c2sp.org/tlog-proof@v1\nindex 0\n\npasserelle/test\n1\n")


def test_the_checkpoint_must_be_the_logs() -> None:
    proof = made(1, 4)
    leaf = numbered(4)[1]
    for other in (Signer("passerelle/test", b"\6" * 32), Signer("passerelle/other", b"\5" * 32)):
        with pytest.raises(IntegrityError):
            proof.shown_by(leaf, other.verifier)


WHOLE = made(2, 7, b"abc").text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 2", "index 02"),
        ("index 2", "index -2"),
        ("index 2", "index two"),
        ("index 2\n", ""),
        ("extra YWJj", "extra YWJj="),
        ("extra YWJj", "extra "),
        ("extra YWJj", "extra YWJj YWJj"),
        ("extra YWJj\nindex 2", "index 2\nextra YWJj"),
        ("index 2\n", "index 2\nYWJj\n"),
        ("index 2\n", "index 2\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 70),
    ],
)
def test_what_is_written_otherwise_is_no_proof(old: str, new: str) -> None:
    assert old in WHOLE
    with pytest.raises(IntegrityError, match="no tlog-proof"):
        TlogProof.parse(WHOLE.replace(old, new, 1))


def test_a_file_cut_short_shows_nothing() -> None:
    leaf = numbered(7)[2]
    for end in range(len(WHOLE)):
        with pytest.raises(IntegrityError):
            TlogProof.parse(WHOLE[:end]).shown_by(leaf, LOG.verifier)
