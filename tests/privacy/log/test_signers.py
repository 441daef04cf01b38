import random
from contextlib import suppress

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log.note import Said, Signer, checkpoint_text, parse_checkpoint
from passerelle.privacy.log.signers import follow, handover, read, written

OLD, NEW, THIEF = (Signer("passerelle/test", bytes([n]) * 32) for n in range(3))


def checkpoint(signer: Signer, size: int) -> str:
    return signer.sign(checkpoint_text(Said("passerelle/test", size, bytes(32), 1, 0)))


def test_the_genesis_key_leads_to_every_later_one() -> None:
    entries: list[tuple[int, dict[str, object]]] = [
        (4, handover(OLD, NEW, 5)),
        (6, {"action": "export"}),
        (8, handover(NEW, THIEF, 9)),
    ]
    found = follow(OLD.verifier, entries)
    for signer, size in ((OLD, 4), (NEW, 5), (NEW, 8), (THIEF, 9)):
        assert parse_checkpoint(found.open(checkpoint(signer, size))).size == size


@pytest.mark.parametrize(("signer", "size"), [(OLD, 5), (NEW, 4), (THIEF, 4), (THIEF, 9)])
def test_a_key_vouches_for_its_own_sizes_only(signer: Signer, size: int) -> None:
    found = follow(OLD.verifier, [(4, handover(OLD, NEW, 5))])
    with pytest.raises(IntegrityError, match="not signed with this log's key"):
        found.open(checkpoint(signer, size))


@pytest.mark.parametrize(
    "forged",
    [
        handover(THIEF, NEW, 5),  # not by the key before
        handover(OLD, NEW, 6),  # from another size
        handover(OLD, NEW, 5) | {"verifier": THIEF.verifier.text},
        handover(OLD, NEW, 5) | {"handover": str(handover(OLD, NEW, 5)["handover"]).rsplit("— ", 1)[0]},  # one signs
        handover(OLD, Signer("another/log", bytes([1]) * 32), 5),
        {"verifier": NEW.verifier.text},
        {"verifier": "nonsense"},
    ],
)
def test_a_forged_handover_leads_nowhere(forged: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        follow(OLD.verifier, [(4, forged)])


def test_no_handover_passes_for_a_checkpoint() -> None:
    note = str(handover(OLD, NEW, 5)["handover"])
    with pytest.raises(IntegrityError, match="malformed"):
        parse_checkpoint(OLD.verifier.open(note))


def test_a_file_of_the_genesis_key_and_its_handovers_leads_as_far() -> None:
    entries: list[tuple[int, dict[str, object]]] = [(4, handover(OLD, NEW, 5)), (8, handover(NEW, THIEF, 9))]
    assert read(written(OLD.verifier, entries)) == follow(OLD.verifier, entries)
    assert read(written(OLD.verifier, [])) == follow(OLD.verifier, [])


@pytest.mark.parametrize("turned", range(5))
def test_a_changed_file_of_handovers_names_no_other_key(turned: int) -> None:
    entries: list[tuple[int, dict[str, object]]] = [(4, handover(OLD, NEW, 5)), (8, handover(NEW, THIEF, 9))]
    text = written(OLD.verifier, entries)
    true = read(text).texts
    chooser = random.Random(turned)  # noqa: S311 - the same places each time
    for _ in range(80):
        place = chooser.randrange(len(text))
        turned_letter = text[:place] + chr(ord(text[place]) ^ chooser.choice([1, 2, 4, 32])) + text[place + 1 :]
        for other in (turned_letter, text[:place], text[place:], text + text[:place]):
            with suppress(IntegrityError, DefinitionError):
                found = read(other).texts
                assert found == true[: len(found)]
