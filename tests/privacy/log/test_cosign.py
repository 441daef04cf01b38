import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.cosign import Ask, Seen, Witness, WitnessKey, review, with_lines
from passerelle.privacy.log.note import Said, Signer, checkpoint_text
from tests.privacy.log.test_merkle import mutations, nodes_of, numbered, reference

LOG = Signer("passerelle/test", b"\5" * 32)
WITNESS = Witness("dpo.example.com", b"\6" * 32)
LEAVES = numbered(40)

# The example of c2sp.org/tlog-cosignature: a checkpoint and a witness's line under it.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LINE = (
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe"
    "+mbIUBkBIfZ+qnA==\n"
)


def note(size: int, root: bytes | None = None, *, signer: Signer = LOG, origin: str = "passerelle/test") -> str:
    said = Said(origin, size, root or reference(LEAVES[:size]), signed_at=7, after=0)
    return signer.sign(checkpoint_text(said))


def ask(old: int, size: int) -> Ask:
    proof = merkle.consistency_proof(old, size, nodes_of(LEAVES[:size])) if old else []
    return Ask(old, tuple(proof), note(size))


def seen(size: int) -> Seen | None:
    return Seen(size, reference(LEAVES[:size])) if size else None


def test_a_signature_says_who_and_when() -> None:
    line = WITNESS.cosign(TEXT, at=1_679_315_147)
    key = WitnessKey.parse(WITNESS.key.text)
    assert key.signed_at(line, TEXT) == 1_679_315_147
    assert key == WITNESS.key
    assert base64.b64decode(WITNESS.key.text.rsplit("+", 1)[1])[0] == 4
    with pytest.raises(IntegrityError):
        key.signed_at(line, TEXT.replace("20852163", "20852164"))


def test_the_line_of_the_standard_has_the_form_that_is_read() -> None:
    said = base64.b64decode(LINE.split(" ")[2])
    assert int.from_bytes(said[4:12]) == 1_679_315_147
    assert len(said) == len(base64.b64decode(WITNESS.cosign(TEXT, at=1).split(" ")[2]))


def test_a_changed_line_is_not_believed() -> None:
    data = WITNESS.cosign(TEXT, at=1_679_315_147).encode()
    for at in range(len(data) - 1):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(IntegrityError):
            WITNESS.key.signed_at(changed.decode(errors="replace"), TEXT)


def test_a_secret_reads_as_it_was_written_and_shows_nothing_of_itself() -> None:
    again = Witness.parse(WITNESS.secret + "\n")
    assert again.key == WITNESS.key
    assert base64.b64encode(b"\6" * 32).decode()[:20] not in repr(again)


@pytest.mark.parametrize(
    "text", ["", "x", "PRIVATE+KEY+a+b", "PRIVATE+KEY+a+00000000+BAAA", WITNESS.secret[:-8] + "AAAAAAA="]
)
def test_what_is_no_secret_key_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        Witness.parse(text)


@pytest.mark.parametrize(
    "text", ["", "a+b", LOG.verifier.text, WITNESS.key.text[:-4], WITNESS.key.text.replace(".", "-")]
)
def test_what_is_no_witnesses_key_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        WitnessKey.parse(text)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 40))
def test_only_what_continues_what_was_seen_is_signed(before: int, size: int) -> None:
    if before > size:
        with pytest.raises(IntegrityError, match="has seen"):
            review(Ask(before, (), note(size)), seen(before), LOG.verifier)
        return
    asked = Ask.parse(ask(before, size).text)
    text, said = review(asked, seen(before), LOG.verifier)
    assert (said.size, text) == (size, checkpoint_text(Said("passerelle/test", size, said.root, 7, 0)))
    for wrong in mutations(list(asked.proof), b"\0" * 32):
        with pytest.raises((IntegrityError, DefinitionError)):
            review(Ask(before, tuple(wrong), asked.note), seen(before), LOG.verifier)


def test_a_log_that_forked_is_not_signed() -> None:
    for size in (7, 20):
        with pytest.raises(IntegrityError, match="rewritten"):
            review(Ask(7, ask(7, 20).proof if size > 7 else (), note(size, b"\1" * 32)), seen(7), LOG.verifier)


def test_a_proof_from_elsewhere_is_sent_back() -> None:
    with pytest.raises(DefinitionError, match="has seen 9") as told:
        review(ask(7, 20), seen(9), LOG.verifier)
    assert "--since 9" in (told.value.advice or "")


def test_somebody_elses_checkpoint_is_not_signed() -> None:
    other = Signer("passerelle/test", b"\7" * 32)
    for text in (note(3, signer=other), note(3, origin="passerelle/other")):
        with pytest.raises(IntegrityError):
            review(Ask(0, (), text), None, LOG.verifier)


@pytest.mark.parametrize(
    "text", ["", "old 3", "old 03\n\nx", "old x\n\nx", "old 1\nAAAA\n\nx", "size 1\n\nx", "old 1\n" * 70 + "\nx"]
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        Ask.parse(text)


def test_lines_stand_under_the_logs_own_in_order() -> None:
    lines = [Witness(name, b"\6" * 32).cosign(TEXT, at=1) for name in ("b", "a")]
    whole = with_lines(note(3), lines)
    assert whole == note(3) + lines[1] + lines[0]
    assert LOG.verifier.open(whole) == LOG.verifier.open(note(3))
