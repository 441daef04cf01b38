"""Bundles, checked by the file that third parties have, whatever somebody changed in between."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidSignature

from passerelle.privacy.audit import verify_standalone
from passerelle.privacy.audit.bundle import Bundle, bundle, verifier_source
from passerelle.privacy.audit.proof_rows import Asked
from passerelle.privacy.log.canonical import canonical
from tests.privacy.audit.story import PLACE, Story
from tests.privacy.consent.house import DAY, NOW

Parts = dict[str, Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("story"))
    yield story
    story.house.store.close()


def packed(story: Story, asked: Asked) -> Bundle:
    house = story.house
    with house.store.read() as connection:
        return bundle(house.store, house.log, connection, asked, scope={"destination": asked.destination})


@pytest.fixture(scope="module")
def about_one(story: Story) -> bytes:
    return packed(story, Asked(people=story.ids[:1])).data


@pytest.fixture(scope="module")
def key(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "log.vkey"
    file.write_text(story.house.log.verifier.text + "\n")
    return file


class Auditor:
    """Somebody with the bundle, the log's key and the one file. `checks` runs it in a Python of its own."""

    def __init__(self, folder: Path, key: Path) -> None:
        self._folder = folder
        self._key = key

    def checks(self, data: bytes, *words: str, blind: bool = False) -> tuple[int, str]:
        file = self._folder / "bundle.zip"
        file.write_bytes(data)
        alone = ["-S"] if blind else []  # without site-packages there is no `cryptography`
        command = [sys.executable, "-I", *alone, verify_standalone.__file__, str(file), "--key", str(self._key), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def believes(self, data: bytes) -> str | None:
        """What the verifier would print, asked in this process; None where it does not believe the bundle."""
        file = self._folder / "bundle.zip"
        file.write_bytes(data)
        try:
            parts = verify_standalone._read(file, self._key.read_text().split())
            lines = list(verify_standalone._check(parts, [], []))
            return "\n".join(
                [*lines, *(line for ref in parts["people"] for line in verify_standalone._answer(parts, ref))]
            )
        except (InvalidSignature, zipfile.BadZipFile, zlib.error, *verify_standalone.MALFORMED):
            return None


@pytest.fixture
def auditor(tmp_path: Path, key: Path) -> Auditor:
    return Auditor(tmp_path, key)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(contents: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in contents.items():
            archive.writestr(name, body)
    return stream.getvalue()


def forged(story: Story, data: bytes, change: Callable[[Parts], object]) -> bytes:
    """The bundle with other evidence, signed again: what an operator who lies could hand over."""
    contents = unpacked(data)
    parts = json.loads(contents["evidence.json"])
    change(parts)
    contents["evidence.json"] = canonical(parts) + b"\n"
    manifest = json.loads(contents["manifest.json"])
    manifest["files"]["evidence.json"] = hashlib.sha256(contents["evidence.json"]).hexdigest()
    contents["manifest.json"] = json.dumps(manifest).encode()
    contents["manifest.note"] = story.house.log.attest(hashlib.sha256(contents["manifest.json"]).hexdigest()).encode()
    return repacked(contents)


def test_it_answers_who_was_sent_where_under_which_text_and_when_they_were_out(
    story: Story, about_one: bytes, auditor: Auditor
) -> None:
    code, said = auditor.checks(about_one, "--subject", story.ref(0))
    assert code == 0, said
    lines = said.splitlines()
    told = [line.split(": ", 1)[1] for line in lines if line.startswith("log entry")]
    assert [line.split(" ")[0] for line in told] == ["CONSENT", "ALLOWED", "SENT", "CONSENT", "REMOVAL", "REFUSED"]
    assert told[2] == f"SENT to {PLACE.destination} / {PLACE.audience}, batch b1"
    assert "    under ads@1: J'accepte." in lines
    assert "here are all of them" in said
    assert lines[-1] == "Everything above was checked."


def test_nobody_else_is_in_it(story: Story, about_one: bytes, auditor: Auditor) -> None:
    code, said = auditor.checks(about_one, "--subject", story.ref(1))
    assert (code, "nobody of that name is here" in said) == (0, True)
    text = unpacked(about_one)["evidence.json"].decode()
    assert story.ref(1) not in text
    with story.house.store.read() as connection:
        keys = story.house.subjects._vault.audit_keys(connection, pa.array(story.ids))
    assert not any(one.hex() in text for one in keys if one)


def test_the_same_log_gives_the_same_bytes(story: Story, about_one: bytes) -> None:
    assert packed(story, Asked(people=story.ids[:1])).data == about_one


def test_everybody_is_opened_together_without_a_path(story: Story, auditor: Auditor) -> None:
    made = packed(story, Asked(people=None))
    assert made.people == 9
    parts = json.loads(unpacked(made.data)["evidence.json"])
    assert [one for one in parts["members"] if one["path"] is None]
    code, said = auditor.checks(made.data)
    assert code == 0, said
    assert sum("SENT to" in line for line in said.splitlines()) == 8


def test_a_destination_and_a_time_narrow_what_is_opened(story: Story, auditor: Auditor) -> None:
    for asked in (
        Asked(people=None, destination="google"),
        Asked(people=None, until=NOW),
        Asked(people=None, since=NOW + 2 * DAY),
    ):
        made = packed(story, asked)
        assert made.statements == 0
        assert auditor.checks(made.data)[0] == 0
        assert unpacked(made.data)["tables/uploads.csv"].count(b"b1") == 0
    assert packed(story, Asked(people=None, since=NOW, until=NOW + 2 * DAY)).statements > 0


def test_its_tables_are_for_reading(about_one: bytes) -> None:
    contents = unpacked(about_one)
    uploads = json.loads(contents["tables/uploads.json"])
    assert [(row["batch"], row["action"], row["state"], row["accepted"]) for row in uploads] == [
        ("b1", "add", "settled", 8),
        ("b2", "remove", "settled", 1),
    ]
    (no,) = json.loads(contents["tables/withdrawals.json"])
    assert (no["state"], no["audience"], no["removal_state"]) == ("ConsentWithdrawn", "champions", "settled")
    assert contents["tables/withdrawals.csv"].count(b"\r\n") == 2
    assert (
        f"SHA-256 is `{hashlib.sha256(contents['verify_standalone.py']).hexdigest()}`" in contents["INDEX.md"].decode()
    )


def test_without_the_package_it_says_that_signatures_were_not_checked(about_one: bytes, auditor: Auditor) -> None:
    code, said = auditor.checks(about_one, blind=True)
    assert code == 0, said
    assert said.splitlines()[0].startswith("SIGNATURES WERE NOT CHECKED")
    broken = unpacked(about_one) | {"INDEX.md": b""}
    assert auditor.checks(repacked(broken), blind=True)[0] == 4


def test_the_verifier_is_one_short_file_of_the_standard_library(about_one: bytes) -> None:
    source = verifier_source()
    assert unpacked(about_one)["verify_standalone.py"] == source
    lines = source.decode().splitlines()
    assert len(lines) <= 250
    assert not [line for line in lines if "passerelle." in line and "import" in line]


def test_a_key_that_was_given_earlier_is_what_counts(about_one: bytes, tmp_path: Path) -> None:
    other = tmp_path / "other.vkey"
    other.write_text("test/house+a39ab0ba+AaBjtIfHQQ3g8Ws9ZRkB3x7EUyAS0nqJnaHQNA5Jzh2s")
    assert Auditor(tmp_path, other).checks(about_one)[0] == 4


def test_an_earlier_checkpoint_and_a_made_up_one(
    story: Story, about_one: bytes, auditor: Auditor, tmp_path: Path
) -> None:
    held = tmp_path / "held"
    with story.house.store.read() as connection:
        root = story.house.log.root(connection, 3)
    for signed, code in ((root, 0), (b"\7" * 32, 4)):
        held.write_text(_signed_checkpoint(story, 3, signed))
        assert auditor.checks(about_one, "--held", str(held))[0] == code
    held.write_text("nonsense")
    assert auditor.checks(about_one, "--held", str(held))[0] == 4


def _signed_checkpoint(story: Story, size: int, root: bytes) -> str:
    from passerelle.privacy.log.note import Said, checkpoint_text

    log = story.house.log
    with story.house.store.read() as connection:
        return log._current(connection).sign(checkpoint_text(Said(log.origin, size, root, signed_at=1, after=0)))


# --- what somebody may change


def test_no_changed_byte_changes_what_is_believed(about_one: bytes, auditor: Auditor) -> None:
    truth = auditor.believes(about_one)
    assert truth
    for at in range(0, len(about_one), 7):
        changed = about_one[:at] + bytes([about_one[at] ^ 0x41]) + about_one[at + 1 :]
        assert auditor.believes(changed) in {None, truth}, at


def test_no_changed_file_is_believed(about_one: bytes, auditor: Auditor) -> None:
    contents = unpacked(about_one)
    for name, body in contents.items():
        for changed in (body + b"\n", b" " + body, body[:-1], body[: len(body) // 2], b""):
            assert auditor.believes(repacked(contents | {name: changed})) is None, name
        assert auditor.believes(repacked({other: one for other, one in contents.items() if other != name})) is None
    assert auditor.believes(repacked(contents | {"extra.txt": b"x"})) is None


def test_a_file_that_stands_there_twice_is_not_believed(about_one: bytes, auditor: Auditor) -> None:
    stream = io.BytesIO(about_one)
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("evidence.json", unpacked(about_one)["evidence.json"])
    assert auditor.believes(stream.getvalue()) is None


def _member(parts: Parts, kind: str) -> Parts:
    kinds = {one["index"]: one["entry"]["kind"] for one in parts["entries"]}
    return next(one for one in parts["members"] if kinds[one["entry"]] == kind and one["path"])


LIES: dict[str, Callable[[Parts], object]] = {
    "another person": lambda parts: _member(parts, "batch")["row"].update(subject_id=2),
    "another state": lambda parts: _member(parts, "consent")["row"].update(state="RenewedConsentGiven"),
    "another notice": lambda parts: _member(parts, "consent")["row"].update(notice="ads@2"),
    "no notice": lambda parts: _member(parts, "consent")["row"].update(notice=None),
    "another time": lambda parts: _member(parts, "consent")["row"].update(event_time=NOW),
    "a time as text": lambda parts: _member(parts, "consent")["row"].update(event_time=str(NOW)),
    "an empty text for none": lambda parts: _member(parts, "consent")["row"].update(channel=""),
    "zero for none": lambda parts: _member(parts, "consent")["row"].update(valid_until=0),
    "another decision": lambda parts: _member(parts, "decisions")["row"].update(reason="legitimate_interest"),
    "a field too many": lambda parts: _member(parts, "batch")["row"].update(note="x"),
    "a field too few": lambda parts: _member(parts, "batch")["row"].pop("action"),
    "another nonce": lambda parts: _member(parts, "batch").update(nonce="00" * 32),
    "nonce and payload moved": lambda parts: _member(parts, "batch").update(nonce="00" * 31),
    "the next place": lambda parts: _member(parts, "batch").update(position=_member(parts, "batch")["position"] ^ 1),
    "a place outside": lambda parts: _member(parts, "batch").update(position=8),
    "a place before": lambda parts: _member(parts, "batch").update(position=-1),
    "a place that is true": lambda parts: _member(parts, "batch").update(position=True),
    "a step less": lambda parts: _member(parts, "batch")["path"].pop(),
    "the first step less": lambda parts: _member(parts, "batch")["path"].pop(0),
    "a step more": lambda parts: _member(parts, "batch")["path"].append("00" * 32),
    "a step before": lambda parts: _member(parts, "batch")["path"].insert(0, "00" * 32),
    "steps turned round": lambda parts: _member(parts, "batch")["path"].reverse(),
    "no steps": lambda parts: _member(parts, "batch").update(path=[]),
    "as if all were opened": lambda parts: _member(parts, "batch").update(path=None),
    "another entry": lambda parts: _member(parts, "batch").update(entry=_member(parts, "consent")["entry"]),
    "an entry that is none": lambda parts: _member(parts, "batch").update(entry=999),
    "another count": lambda parts: _entry(parts, "batch")["body"].update(members=10),
    "another time of an entry": lambda parts: _entry(parts, "batch").update(at=1),
    "another receipt": lambda parts: _entry(parts, "receipt")["body"].update(accepted=0),
    "another kind": lambda parts: _entry(parts, "receipt").update(kind="run"),
    "two entries swapped": lambda parts: parts["entries"].insert(2, parts["entries"].pop(3)),
    "an entry twice": lambda parts: parts["entries"].append(parts["entries"][-1]),
    "an entry less": lambda parts: parts["entries"].pop(),
    "the first entry less": lambda parts: parts["entries"].pop(0),
    "entries renumbered": lambda parts: [one.update(index=one["index"] + 1) for one in parts["entries"]],
    "another text": lambda parts: parts["documents"][-1]["body"].update(text="J'accepte tout."),
    "another name of a text": lambda parts: parts["documents"][-1].update(name="ads@2"),
    "a checkpoint that is none": lambda parts: parts["checkpoints"].append("x"),
    "another checkpoint": lambda parts: parts["checkpoints"].append(C2SP_NOTE),
}
C2SP_NOTE = "PeterNeumann\n1\nAAAA\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ\n"


def _entry(parts: Parts, kind: str) -> Parts:
    found: Parts = next(one["entry"] for one in parts["entries"] if one["entry"]["kind"] == kind)
    return found


@pytest.mark.parametrize("lie", LIES)
def test_an_operator_who_signs_a_lie_is_found_out(story: Story, about_one: bytes, auditor: Auditor, lie: str) -> None:
    assert auditor.believes(forged(story, about_one, dict.copy)) == auditor.believes(about_one)
    assert auditor.believes(forged(story, about_one, LIES[lie])) is None


def test_an_erased_person_is_in_no_later_bundle_and_the_earlier_one_still_holds(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    story = Story(tmp_path / "shop")
    ref = story.ref(0)
    file = tmp_path / "log.vkey"
    file.write_text(story.house.log.verifier.text)
    auditor = Auditor(tmp_path, file)
    earlier = packed(story, Asked(people=story.ids[:1])).data
    with story.house.store.write() as connection:
        story.house.subjects.forget(connection, pa.array(story.ids[:1]), now=NOW + 6 * DAY)
    later = packed(story, Asked(people=None))
    story.house.store.close()
    code, said = auditor.checks(later.data, "--subject", ref)
    assert (code, "nobody of that name is here" in said) == (0, True), said
    told = json.loads(unpacked(later.data)["evidence.json"])
    assert story.ids[0] not in {one["row"]["subject_id"] for one in told["members"]}
    assert {one["row"]["subject_id"] for one in told["members"]} == set(story.ids[1:8])
    code, said = auditor.checks(earlier, "--subject", ref)
    assert (code, "SENT to" in said) == (0, True), said
