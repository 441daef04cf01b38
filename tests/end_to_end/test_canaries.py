"""Nothing of a person leaks: not from any verb, not by any failure, not into any file but the vault's sealed columns.

Canaries are pulled, planned, sent to both twins, withdrawn, taken out and audited; then everything goes wrong in
every way that can be provoked. Each time their data, hashes and tokens are looked for in all that was left behind.
"""

import csv
import hashlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import in_process
from passerelle.workflows.cli.main import main
from tests.canary import Canary, Ran, leaks
from tests.end_to_end.shop import ShopWorkspace, pointed_at
from tests.end_to_end.test_consent_reaches import contact
from tests.waiting import until

ZOE, ANA, LEO, MAX = CANARIES = [Canary.make(f"e2e-{word}") for word in ("zoe", "ana", "leo", "max")]
QUOTE = f"{ZOE.email} {ZOE.phone} {ZOE.first_name} {hashlib.sha256(ZOE.email.encode()).hexdigest()} {ZOE.token}"
"""What a careless platform might repeat in its error."""

Fault = dict[str, object]
FAULTS: dict[str, Fault] = {
    "a Graph error that quotes": {"call": "meta.users.add", "graph": {"code": 100, "message": QUOTE}},
    "a proxy's page that quotes": {"call": "meta.users.add", "http": {"status": 502, "body": f"<p>{QUOTE}</p>"}},
    "a gRPC status that quotes": {
        "call": "data_manager.ingest",
        "grpc": {"code": "INVALID_ARGUMENT", "message": QUOTE, "metadata": {"member": ZOE.email}},
    },
}
SLOW_FAULTS: dict[str, Fault] = {
    "a dead token": {"call": "meta.*", "graph": {"code": 190, "message": QUOTE, "status": 401}},
    "a Graph outage": {"call": "meta.users.add", "graph": {"code": 2, "message": QUOTE, "transient": True}},
    "a page in place of JSON": {"call": "meta.users.add", "http": {"status": 200, "body": QUOTE}},
    "JSON of another shape": {"call": "meta.*", "http": {"status": 200, "body": f'["{ZOE.email}"]'}},
    "a connection that breaks": {"call": "meta.users.add", "drop": True},
    "a connection to Google that breaks": {"call": "data_manager.ingest", "drop": True},
    "rows that Meta rejects": {"call": "meta.users.add", "partial": {"rows": [0, 1]}},
    "a gRPC status nobody knows": {"call": "data_manager.*", "grpc": {"code": "UNKNOWN", "message": QUOTE}},
    "a gRPC status with a reason that quotes": {
        "call": "data_manager.ingest",
        "grpc": {"code": "FAILED_PRECONDITION", "message": QUOTE, "reason": ZOE.email, "field": ZOE.first_name},
    },
    "a list that cannot be made": {
        "call": "data_manager.*",
        "grpc": {"code": "PERMISSION_DENIED", "message": QUOTE, "metadata": {"consumer": ZOE.token}},
    },
}


@dataclass
class Sweep:
    """Runs command lines on the canaries' shop, and keeps all that they print."""

    shop: ShopWorkspace
    temp: Path
    capture: pytest.CaptureFixture[str] | None = None
    seen: list[Ran] = field(default_factory=list)

    def run(self, *words: str, files: dict[str, str] | None = None) -> int:
        """One command line in this process, very talkative; its exit code."""
        assert self.capture is not None
        for name, content in (files or {}).items():
            (self.temp / name).write_text(content, encoding="utf-8")
        self.capture.readouterr()
        code = main([*words, "-w", str(self.shop.folder), "-v"])
        printed = self.capture.readouterr()
        self.seen.append(Ran(code, printed.out.encode(), printed.err.encode()))
        assert leaks(CANARIES, self.seen[-1]) == [], f"{words[:2]} ended with {code}"
        return code

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.temp), "HOME": str(self.temp)}
        return subprocess.Popen(
            self.shop.command(*words, "-v"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def left(self) -> list[str]:
        """What stands of the canaries in files that are not theirs by right (their source and their token)."""
        return leaks(CANARIES, self.shop.folder / "var", *(p for p in self.temp.iterdir() if p.suffix != ".given"))


def canary_contact(canary: Canary) -> dict[str, str]:
    names = {"prenom": canary.first_name, "nom": canary.last_name}
    if canary is MAX:  # known by name and address alone, which is what the platforms then match by
        return contact(canary.external_id, email="", mobile="") | names
    return contact(canary.external_id, email=canary.email, mobile=canary.phone) | names


@pytest.fixture
def sweep(pulled: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Sweep]:
    """The shop with the canaries in its contacts, not pulled yet; a canary's token opens Meta."""
    folder = tmp_path / "shop"
    shutil.copytree(pulled, folder)
    (tmp_path / "temp").mkdir()
    with in_process() as twins:
        shop = pointed_at(ShopWorkspace(folder, twins))
        rows = [canary_contact(one) for one in CANARIES]
        with (folder / "data" / "contacts_canaries.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
        token = folder / "secrets" / "meta.token"
        token.chmod(0o600)
        token.write_text(ZOE.token)
        yield Sweep(shop, tmp_path / "temp", capfd)


def at_twins(shop: ShopWorkspace, value: str) -> set[str]:
    """The platforms that hold the SHA-256 of `value`."""
    wanted = hashlib.sha256(value.encode()).hexdigest()
    audiences = {platform: shop.twins.audiences(platform) for platform in ("meta", "google_ads")}
    return {
        platform
        for platform, named in audiences.items()
        for audience in named.values()
        if any(wanted in key for person in shop.twins.members(audience) for key in person)
    }


def test_a_life_of_canaries_leaves_nothing_behind(sweep: Sweep) -> None:
    shop, both = sweep.shop, {"meta", "google_ads"}
    who = {"zoe.given": ZOE.email, "ana.given": ANA.phone}
    zoe = ("--file", str(sweep.temp / "zoe.given"))
    ana = ("--file", str(sweep.temp / "ana.given"), "--field", "phone", "--country", "FR")
    place = ("--audience", "everybody", "--destination")
    assert sweep.run("pull", "crm", files=who) in {0, 3}
    assert sweep.run("plan", "--out", str(sweep.temp / "plan.json")) == 0
    assert sweep.run("sync", "--plan", str(sweep.temp / "plan.json")) == 0
    digits = ZOE.phone.replace(" ", "")[1:]
    assert at_twins(shop, ZOE.email) == both, "the canary must sing"
    assert at_twins(shop, f"33{digits}") | at_twins(shop, f"+33{digits}") == both
    assert at_twins(shop, MAX.first_name.lower()) == {"google_ads"}, "Meta holds them by their customer number"
    assert sweep.run("audit", "person", *zoe) == 0
    assert sweep.run("audit", "why", *zoe, *place, "meta") == 0
    assert sweep.run("consent", "show", *ana) == 0
    assert sweep.run("consent", "withdraw", *zoe) == 0
    assert sweep.run("consent", "withdraw", *ana) == 0
    assert sweep.run("sync", "--removals-only") == 0
    assert at_twins(shop, ZOE.email) == at_twins(shop, ANA.email) == set()
    assert at_twins(shop, LEO.email) == both
    for words in (("why", *zoe, *place, "google"), ("uploads",), ("unlawful",), ("withdrawals",), ("verify",)):
        assert sweep.run("audit", *words) == 0
    assert sweep.run("status") == 0
    assert sweep.left() == []


def test_what_is_typed_wrong_is_not_repeated(sweep: Sweep) -> None:
    lines = [
        "email;purpose;state;at;notice;source",
        f"{ZOE.email};ad_list_matching;given;{ANA.email};ads-2026@1;desk",
        f"{ZOE.first_name};{ZOE.email};{ANA.phone};2026-01-01;{ANA.email};{LEO.email}",
        f"{ANA.email};ad_list_matching;{ANA.first_name};2026-01-01;;desk",
        f'"{LEO.email};;;',
    ]
    files = {
        "said.given": "\n".join(lines),
        "said.jsonl.given": f'{{"email": "{ZOE.email}", "{ANA.email}": 1}}\n{ZOE.email}\n{{"email": ["{ZOE.email}"]}}',
        "who.given": f"{ZOE.last_name}\n",
        "plan.given": f'{{"made_at": "{ZOE.email}", "{ANA.email}": "{ZOE.phone}"}}',
    }
    given = {name: str(sweep.temp / name) for name in files}
    assert sweep.run("consent", "import", given["said.given"], files=files) in {2, 3}
    assert sweep.run("consent", "import", given["said.jsonl.given"]) in {2, 3}
    assert sweep.run("consent", "withdraw", "--file", given["who.given"]) == 2
    assert sweep.run("audit", "person", "--file", given["who.given"]) == 2
    assert sweep.run("sync", "--plan", given["plan.given"]) == 2
    for words in (
        ("sync", ZOE.email),
        ("sync", "--removals-only", ZOE.email),
        ("pull", ZOE.email),
        ("audit", "person", "--subject-ref", ZOE.email),
        ("audit", "person", ZOE.email),
        ("audit", "why", "--audience", ZOE.email, "--destination", ANA.email),
        ("segment", "explain", ZOE.external_id, "--subject-ref", "a1"),
        ("consent", "record", "--state", ZOE.email, "--purpose", ANA.first_name),
        ("normalize", "--destination", ZOE.email),
        (ZOE.email,),
        ("plan", f"--{ZOE.email}"),
    ):
        assert sweep.run(*words) != 0, words[:2]
    assert sweep.left() == []


BROKEN = {
    "a byte that is no text": lambda row: row.replace(b"Lille", b"Li\xffle"),
    "too many cells": lambda row: row + b";" + ZOE.email.encode(),
    "too few cells": lambda row: row[:40],
    "a quote that never ends": lambda row: b'"' + row,
    "an e-mail where a time belongs": lambda row: row.replace(b"2026-", ZOE.email.encode(), 1),
    "a NUL": lambda row: row + b"\x00",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_is_not_quoted(sweep: Sweep, how: str) -> None:
    file = sweep.shop.folder / "data" / "contacts_canaries.csv"
    header, first, *rest = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([header, BROKEN[how](first), *rest]) + b"\n")
    sweep.run("pull", "crm")
    assert sweep.left() == []


def failing(sweep: Sweep, fault: Fault) -> None:
    sweep.run("pull", "crm")
    sweep.shop.twins.fault(times=0, **fault)
    code = sweep.run("sync")
    assert code != 0 or "partial" in fault
    sweep.run("status")
    sweep.shop.twins.clear_faults()
    assert sweep.left() == []


@pytest.mark.parametrize("how", FAULTS)
def test_a_platform_that_quotes_is_not_quoted(sweep: Sweep, how: str) -> None:
    failing(sweep, FAULTS[how])


@pytest.mark.slow
@pytest.mark.parametrize("how", SLOW_FAULTS)
def test_a_platform_that_fails_otherwise_is_not_quoted(sweep: Sweep, how: str) -> None:
    failing(sweep, SLOW_FAULTS[how])


@pytest.mark.slow
def test_a_wrong_key_gives_nobody_away(sweep: Sweep) -> None:
    sweep.run("pull", "crm")
    key = sweep.shop.folder / "keys" / "master.key"
    key.chmod(0o600)
    text = key.read_text()
    key.write_text(text[:-3] + ("00" if text[-3:-1] != "00" else "11") + "\n")
    key.chmod(0o400)
    assert sweep.run("sync") == 4
    assert sweep.run("audit", "person", "--subject-ref", "a1") == 4
    key.chmod(0o600)
    key.write_text(ZOE.token)
    key.chmod(0o400)
    assert sweep.run("sync") in {2, 4}
    assert sweep.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [4, 64, 400, 1_200])
def test_a_disk_that_is_full_gives_nobody_away(sweep: Sweep, kibibytes: int) -> None:
    words = sweep.shop.command("pull", "--full", "-v")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({kibibytes << 10},) * 2)"
    run = f"{limit}; import sys; from passerelle.workflows.cli.main import main; sys.exit(main({words[3:]!r}))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, check=False, timeout=120)
    assert leaks(CANARIES, Ran(done.returncode, done.stdout, done.stderr)) == []
    assert done.returncode in {0, 3, 75}, done.stderr[-500:]
    assert sweep.left() == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert sweep.run("pull", "--full") in {0, 3}, "with room again, all is well"


def family(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


@contextmanager
def caught_sending(sweep: Sweep, call: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A sync that a platform keeps waiting in the middle of `call`."""
    sweep.shop.twins.fault(call=call, slow_seconds=4.0)
    with sweep.start("sync") as process:
        until(lambda: sweep.shop.twins.calls().get(call))
        time.sleep(0.2)
        yield process


@pytest.mark.parametrize("call", ["meta.users.add", pytest.param("data_manager.ingest", marks=pytest.mark.slow)])
def test_a_sync_that_is_told_to_stop_gives_nobody_away(sweep: Sweep, call: str) -> None:
    sweep.run("pull", "crm")
    with caught_sending(sweep, call) as process:
        for pid in family(process.pid):
            for what in ("cmdline", "environ"):
                assert leaks(CANARIES, Path(f"/proc/{pid}/{what}").read_bytes()) == []
        assert sweep.left() == []
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert leaks(CANARIES, Ran(process.returncode, out, err)) == []
    assert process.returncode == 75, err[-500:]
    assert b'"outcome": "try_later"' in out or b'"outcome":"try_later"' in out
    sweep.shop.twins.clear_faults()
    assert sweep.run("sync") == 0
    assert at_twins(sweep.shop, LEO.email) == {"meta", "google_ads"}
    assert sweep.left() == []
