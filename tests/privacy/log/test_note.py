import base64

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log.note import Said, Signer, Verifier, checkpoint_text, parse_checkpoint

SAID = Said("passerelle/test", 3, b"\7" * 32, 1_763_700_000_000_000, 2)
SIGNER = Signer("passerelle/test", bytes(range(32)))
NOTE = SIGNER.sign(checkpoint_text(SAID))

# The example of c2sp.org/signed-note: a verifier key and a note that Go's implementation made.
C2SP_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
C2SP_NOTE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def test_the_example_of_the_standard_is_believed() -> None:
    verifier = Verifier.parse(C2SP_KEY)
    assert verifier.text == C2SP_KEY
    assert verifier.open(C2SP_NOTE) == C2SP_NOTE.rpartition("\n\n")[0] + "\n"


def test_a_checkpoint_reads_as_it_was_written() -> None:
    verifier = Verifier.parse(SIGNER.verifier.text)
    text = verifier.open(NOTE)
    assert parse_checkpoint(text) == SAID
    assert text.split("\n")[:3] == ["passerelle/test", "3", base64.b64encode(b"\7" * 32).decode()]


def test_a_note_that_differs_anywhere_is_not_believed() -> None:
    data = NOTE.encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(IntegrityError):
            SIGNER.verifier.open(changed.decode(errors="replace"))


def test_a_note_cut_short_is_not_believed() -> None:
    for end in range(len(NOTE)):
        with pytest.raises(IntegrityError):
            SIGNER.verifier.open(NOTE[:end])


def test_a_witness_may_sign_too_and_alone_is_not_enough() -> None:
    witness = Signer("witness", b"\1" * 32).sign(checkpoint_text(SAID)).rpartition("\n\n")[2]
    assert parse_checkpoint(SIGNER.verifier.open(NOTE + witness)) == SAID
    with pytest.raises(IntegrityError, match="not signed with this log's key"):
        SIGNER.verifier.open(f"{checkpoint_text(SAID)}\n{witness}")


@pytest.mark.parametrize(
    "text",
    ["", "x\n1\n", "x\n01\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n", "x\n1\n!\n", "x\n1\nBwc=\n", "\n1\nBwc=\n"],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="malformed"):
        parse_checkpoint(text)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AQ==", C2SP_KEY.replace("c74f", "c74e"), "a b+1+x"])
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        Verifier.parse(text)


def test_a_name_has_no_spaces() -> None:
    with pytest.raises(DefinitionError):
        Verifier("a b", b"\0" * 32)
