"""Proof files, checked by the file that third parties have."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidSignature

from passerelle.privacy.audit import verify_standalone
from passerelle.privacy.audit.proof import evidence, proof_file
from passerelle.privacy.audit.proof_rows import Asked
from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.tlog_proof import TlogProof
from passerelle.privacy.store import tables as t
from tests.privacy.audit.story import Story
from tests.privacy.consent.house import DAY, NOW, House, statement


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("story"))
    yield story
    story.house.store.close()


def proof(story: Story, number: int, **asked: str) -> str:
    house = story.house
    with house.store.read() as connection:
        wanted = Asked(people=[story.ids[number]], **asked)  # type: ignore[arg-type]
        return proof_file(house.log, evidence(house.store, house.log, connection, wanted))


def checked(folder: Path, text: str, *words: str) -> tuple[int, str]:
    file = folder / "it.tlog-proof"
    file.write_text(text)
    command = [sys.executable, "-I", verify_standalone.__file__, str(file), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 4}, done.stderr
    return done.returncode, done.stdout + done.stderr


def told(said: str) -> list[str]:
    return [line.split(": ", 1)[1].split(" ")[0] for line in said.splitlines() if line.startswith("log entry")]


def test_a_proof_tells_of_the_text_the_upload_and_the_removal(story: Story, tmp_path: Path) -> None:
    code, said = checked(tmp_path, proof(story, 0, batch="b1"))
    assert code == 0, said
    assert told(said) == ["CONSENT", "ALLOWED", "SENT", "CONSENT", "REMOVAL", "REFUSED"], said
    assert "    under ads@1: J'accepte." in said.splitlines()


def test_who_stayed_has_a_yes_and_no_removal(story: Story, tmp_path: Path) -> None:
    code, said = checked(tmp_path, proof(story, 1, destination="meta_fr", audience="champions"))
    assert (code, told(said)) == (0, ["CONSENT", "ALLOWED", "SENT"]), said


def test_a_proof_file_is_what_the_standard_says(story: Story) -> None:
    file = TlogProof.parse(proof(story, 1, batch="b1"))
    parts = json.loads(file.extra)["evidence"]
    entry = canonical(parts["entries"][0]["entry"])
    assert file.shown_by(merkle.leaf_hash(entry), story.house.log.verifier).size == 11
    with pytest.raises(IntegrityError):
        file.shown_by(merkle.leaf_hash(entry + b" "), story.house.log.verifier)


def test_who_was_not_sent_has_nothing_to_prove(story: Story) -> None:
    for number, asked in ((8, {"batch": "b1"}), (0, {"batch": "b9"}), (0, {"destination": "google"})):
        with pytest.raises(DefinitionError, match="nothing to prove"):
            proof(story, number, **asked)


def test_nothing_signed_is_nothing_to_prove(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.store.read() as connection, pytest.raises(DefinitionError, match="Nothing of this log was signed"):
        evidence(house.store, house.log, connection, Asked(people=[1]))
    house.store.close()


def test_a_row_that_is_not_what_the_log_says_proves_nothing(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.house.store.write() as connection:
        connection.execute(t.consent_event.update().where(t.consent_event.c.event_id == 2).values(notice="ads@9"))
    with pytest.raises(IntegrityError, match="not what the log says"):
        proof(story, 1, batch="b1")
    story.house.store.close()


def test_somebody_merged_later_is_proved_under_both_numbers(tmp_path: Path) -> None:
    story = Story(tmp_path)
    survivor = story.house.merge(story.ids[1], story.ids[8], now=NOW + 6 * DAY)
    story.ids[8] = survivor
    code, said = checked(tmp_path, proof(story, 8, batch="b1"))
    assert (code, sorted(told(said))) == (0, ["ALLOWED", "CONSENT", "REFUSED", "SENT"]), said
    story.house.store.close()


def test_what_came_after_the_last_signature_is_left_out(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.house.tell(statement(story.ids[1], "ConsentWithdrawn", event_time=NOW + 6 * DAY), now=NOW + 6 * DAY)
    assert told(checked(tmp_path, proof(story, 1, batch="b1"))[1]) == ["CONSENT", "ALLOWED", "SENT"]
    story.sign(now=NOW + 7 * DAY)
    assert told(checked(tmp_path, proof(story, 1, batch="b1"))[1]) == ["CONSENT", "ALLOWED", "SENT", "CONSENT"]
    story.house.store.close()


def test_who_was_erased_has_no_proof(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.house.store.write() as connection:
        story.house.subjects.forget(connection, pa.array(story.ids[1:2]), now=NOW + 6 * DAY)
    file = TlogProof.parse(proof(story, 1, batch="b1"))
    parts = json.loads(file.extra)["evidence"]
    assert (parts["members"], parts["people"]) == ([], {})
    story.house.store.close()


def test_no_changed_character_of_a_proof_changes_what_it_tells(story: Story, tmp_path: Path) -> None:
    text = proof(story, 0, batch="b1")
    key = [story.house.log.verifier.text]
    truth = _believed(tmp_path, text, key)
    assert truth
    for at in range(0, len(text), 11):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        assert _believed(tmp_path, changed, key) in {None, truth}, at


@pytest.mark.parametrize("lie", ["people", "members", "documents", "keys"])
def test_what_is_left_out_of_a_proof_was_signed(story: Story, tmp_path: Path, lie: str) -> None:
    text = proof(story, 0, batch="b1")
    extra = TlogProof.parse(text).extra
    told = json.loads(extra)
    told["evidence"][lie] = type(told["evidence"][lie])()
    changed = text.replace(base64.b64encode(extra).decode(), base64.b64encode(canonical(told)).decode())
    assert changed != text
    assert _believed(tmp_path, changed, [story.house.log.verifier.text]) is None


def _believed(folder: Path, text: str, key: list[str]) -> str | None:
    file = folder / "changed.tlog-proof"
    file.write_text(text)
    try:
        parts = verify_standalone._read(file, key)
        lines = list(verify_standalone._check(parts, [], []))
        return "\n".join(lines + [line for ref in parts["people"] for line in verify_standalone._answer(parts, ref)])
    except (InvalidSignature, zipfile.BadZipFile, *verify_standalone.MALFORMED):
        return None
