"""Canaries through every verb there is: where it succeeds, whatever is typed, and in whatever state the shop is."""

import base64
import json
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb
from passerelle.workflows.verbs.registry import verbs
from tests.canary import Ran, leaks
from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_canaries import ANA, CANARIES, LEO, ZOE, Sweep, sweep

__all__ = ["sweep"]

ELSEWHERE = {
    "normalize": "prints what it is given, as it would be hashed: that is what it is for",
    "demo": "makes a shop of generated people, in a folder of its own",
    "serve": "test_serve.py, and below, ended by a signal",
    "twins": "test_canaries.py: the twins receive the canaries; below, ended by a signal",
}
DONE, LOOK, UNFIT = {0}, {0, 3}, {0, 2, 3}

COSIGN = (
    "witness cosign {temp}/ask.txt --key-file {temp}/witness.key --log {temp}/later.vkey --state {temp}/seen.json"
    " --out {temp}/answer.txt"
)
ALIKE = """cluster: alike
traits: {orders_365d: {log: true}, revenue_365d: {log: true}}
groups: {from: 2, to: 2}
stability: {rounds: 5, at_least: 0}
"""
SOON = """score: soon
will: purchase
within: 60d
population: {did: purchase}
features: {recency_days: {log: true}}
learners: {logistic: {c: [1]}}
cuts: 3
gates: {min_auc: 0.5, max_calibration_error: 1, max_drift: 9}
"""
Step = tuple[str, set[int]]
STORY: list[Step] = [
    ("init {temp}/fresh --people 50", DONE),
    ("schema", DONE),
    ("workflows export --out {temp}/n8n", DONE),
    ("workflows check {temp}/n8n/sync-audiences.json", LOOK),
    ("workflows secrets --folder {temp}/secrets", DONE),
    ("evidence keygen --out {temp}/dpo.key", DONE),
    ("witness keygen --name dpo.example.com --out {temp}/witness.key", DONE),
    ("doctor", LOOK),
    ("sources list", DONE),
    ("sources test crm", LOOK),
    ("sources docs crm", DONE),
    ("pull crm", LOOK),
    ("quality check", LOOK),
    ("quality report", LOOK),
    ("quality duplicates --review {temp}/review.csv", DONE),  # canaries look alike: kept, a no of one would be of all
    ("quality calibrate {temp}/review.csv", DONE),
    ("quality judge {temp}/review.csv", DONE),
    ("quality benchmark {given}/people.csv --truth who", DONE),
    ("audit checkpoint --out {temp}/first.checkpoint --verifier-file {temp}/log.vkey", DONE),
    ("consent import {given}/said.jsonl --signal salesforce --source crm", LOOK),
    ("consent record --file {ana} --field phone --country FR --state given --notice ads-2026@1", DONE),
    ("cluster fit alike", DONE),
    ("cluster show alike", DONE),
    ("cluster apply alike", DONE),
    ("cluster report alike --out {temp}/alike.html", DONE),
    ("cluster history alike", DONE),
    ("score fit soon", DONE),
    ("score show soon", DONE),
    ("score apply soon", DONE),
    ("score report soon --out {temp}/soon.html", DONE),
    ("score history soon", DONE),
    ("segment list", DONE),
    ("segment preview everybody", LOOK),
    ("segment explain everybody --file {zoe}", DONE),
    ("segment thresholds --json", DONE),
    ("traits list", DONE),
    ("traits fit", DONE),
    ("segment rfm --out {temp}/rfm.svg", DONE),
    ("segment snapshot everybody", DONE),
    ("segment history everybody", DONE),
    ("segment diff everybody --list 9", DONE),
    ("segment replay everybody", DONE),
    ("segment overlap everybody everybody", DONE),
    ("segment bias everybody --by loyalty", DONE),
    ("segment kpis everybody --trait recency_days", DONE),
    ("journey list", DONE),
    ("journey show shopping --out {temp}/journey.svg", DONE),
    ("funnel show buying --by loyalty --out {temp}/funnel.svg", DONE),
    ("ladder show closeness --since 30d --out {temp}/ladder.svg", DONE),
    ("segment report everybody --out {temp}/everybody.html", DONE),
    ("segment accept high_value --reason canary", UNFIT),
    ("plan --out {temp}/plan.json", DONE),
    ("sync --plan {temp}/plan.json", LOOK),
    ("status", LOOK),
    ("experiment readout everybody --measure orders_365d", UNFIT),  # nobody is held out of it
    ("policy show", DONE),
    ("policy history", DONE),
    ("policy diff {shop}/policy.yaml", DONE),
    ("consent show --file {zoe}", DONE),
    ("consent receipt --file {zoe}", DONE),
    ("audit person --file {zoe}", DONE),
    ("audit why --file {zoe} --audience everybody --destination meta", DONE),
    ("audit proof --file {zoe} --audience everybody --destination meta --out {temp}/zoe.tlog-proof", DONE),
    ("consent withdraw --file {zoe} --objection", DONE),
    ("sync --removals-only", DONE),
    ("erase --file {leo} --wait 60", DONE),
    ("evidence export {erasure} --out {temp}/sealed.json", DONE),
    ("evidence open {erasure} --key-file {temp}/dpo.key --reason claim", DONE),
    ("keys list", DONE),
    ("keys rotate", DONE),
    ("keys retire 1", DONE),
    ("keys check", DONE),
    ("keys export --to {temp}/key.sealed --recipient {temp}/dpo.key.pub", UNFIT),
    ("keys import {temp}/key.sealed --private {temp}/dpo.key --to {temp}/drill.key", UNFIT),
    ("audit checkpoint --since 0 --out {temp}/ask.txt --verifier-file {temp}/later.vkey", DONE),
    (COSIGN, DONE),
    ("witness add {temp}/answer.txt", UNFIT),
    ("witness stamp", UNFIT),
    ("audit consents", LOOK),
    ("audit notice ads-2026", LOOK),
    ("audit expiring", LOOK),
    ("audit expired", LOOK),
    ("audit conflicts", LOOK),
    ("audit optout", LOOK),
    ("audit children", LOOK),
    ("audit uploads", LOOK),
    ("audit unlawful", LOOK),
    ("audit withdrawals", LOOK),
    ("audit recipients", LOOK),
    ("audit policy", LOOK),
    ("audit min-size", LOOK),
    ("audit sensitive", LOOK),
    ("audit vendors", LOOK),
    ("audit freshness", LOOK),
    ("audit access", LOOK),
    ("audit leaks {temp} --no-temp", LOOK),
    ("audit keys", LOOK),
    ("audit erasures", LOOK),
    ("audit report --out {temp}/report.html", DONE),
    ("audit bundle --out {temp}/bundle.zip --everybody", DONE),
    ("audit verify", DONE),
    ("audit accept-restore --reason drill", UNFIT),
]


def name_of(line: str) -> str:
    """The verb that a command line calls."""
    words = line.split()
    known = {verb.name for verb in verbs()}
    return " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]


class Story:
    """The canaries' shop, and the words that its command lines fill in."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.temp = sweep.temp
        given = {"zoe": ZOE.email, "ana": ANA.phone, "leo": LEO.email}
        said = {"Id": ANA.external_id, "Email": ANA.email, "MobilePhone": ANA.phone, "HasOptedOutOfEmail": True}
        self.given = sweep.temp.parent / "given"
        self.given.mkdir()
        for name, text in given.items():
            (self.given / name).write_text(text + "\n", encoding="utf-8")
        listed = "".join(f"{number},{text}\n" for number, text in enumerate(given.values()))
        (self.given / "people.csv").write_text(f"who,contact\n{listed}", encoding="utf-8")
        (self.given / "said.jsonl").write_text(json.dumps(said) + "\n", encoding="utf-8")
        self.words = {name: str(self.given / name) for name in given}
        self.words |= {"temp": str(self.temp), "shop": str(sweep.shop.folder), "erasure": "er0"}
        self.words |= {"given": str(self.given)}
        clusters = sweep.shop.folder / "clusters"
        clusters.mkdir()
        (clusters / "alike.yaml").write_text(ALIKE, encoding="utf-8")
        scores = sweep.shop.folder / "scores"
        scores.mkdir()
        (scores / "soon.yaml").write_text(SOON, encoding="utf-8")
        settings = sweep.shop.folder / "passerelle.yaml"
        settings.write_text(f"{settings.read_text()}\nevidence: {{dpo_key_file: {self.temp}/dpo.key.pub}}\n")

    def run(self, line: str) -> int:
        code = self.sweep.run(*(word.format(**self.words) for word in line.split()))
        if line.startswith("erase"):
            self.words["erasure"] = self.erasure()
        return code

    def erasure(self) -> str:
        told = json.loads(self.sweep.seen[-1].stdout)
        erasures = told.get("erasures") or [{"erasure": "er0"}]
        return str(erasures[0]["erasure"])

    def left(self) -> list[str]:
        return leaks(CANARIES, self.sweep.shop.folder / "var", self.temp)


def test_every_verb_has_its_scene() -> None:
    assert {name_of(line) for line, _ in STORY} | set(ELSEWHERE) == {verb.name for verb in verbs()}


def test_no_verb_that_succeeds_gives_anybody_away(sweep: Sweep) -> None:
    story = Story(sweep)
    for line, codes in STORY:
        assert story.run(line) in codes, (line, sweep.seen[-1].stderr.decode()[-800:])
    assert story.left() == []


TYPED = [f"{ZOE.email}", f"{ZOE.first_name} {ZOE.last_name}", ZOE.phone.replace(" ", ""), ZOE.token]


WRITTEN = ("program", "workspace_path", "runner_url", "slack_channel", "mail_from", "mail_to")
KEPT = {
    ("witness keygen", "name"),
    ("workflows secrets", "ping_url"),
    *(("workflows export", name) for name in WRITTEN),
}
"""What is written down as it was typed: that is what it is for."""


def takes_file(verb: AnyVerb) -> bool:
    """Whether an argument is a path: the name of a file is no person's data, and messages say it."""
    fields = verb.request.model_fields.values()
    paths = [field for field in fields if "Path" in str(field.annotation)]
    return any("list" in str(field.annotation) or field.json_schema_extra == {"cli": "argument"} for field in paths)


@pytest.mark.parametrize("turn", [0, 2])
@pytest.mark.slow
def test_whatever_is_typed_anywhere_is_not_repeated(sweep: Sweep, turn: int) -> None:
    """As each option's value, as an option, as an argument too many, and as values and names in a request."""
    story = Story(sweep)
    garbage = story.given / "garbage"
    for typed in TYPED:
        garbage.write_text(f"{typed}\n{{'{typed}': [{typed}]}}\n;{typed};{typed}\n", encoding="utf-8")
    story.run("pull crm")
    for number, verb in enumerate(verb for verb in verbs() if verb.name not in ELSEWHERE):
        line = next(line for line, _ in STORY if name_of(line) == verb.name).format(**story.words).split()
        words = [*verb.name.split(), *(["--no-temp"] if verb.name == "audit leaks" else [])]
        typed = TYPED[(number + turn) % len(TYPED)]
        for place, (name, field) in enumerate(verb.request.model_fields.items()):
            if (verb.name, name) in KEPT or name in {"out", "to", "folder"}:
                continue
            path = "Path" in str(field.annotation)
            sweep.run(
                *line,
                f"--{name.replace('_', '-')}",
                str(garbage) if path else TYPED[(number + place + turn) % len(TYPED)],
            )
        sweep.run(*words, str(garbage) if takes_file(verb) else typed)
        sweep.run(*line, *(["one too many"] if takes_file(verb) else []), typed)
        sweep.run(*line, f"--{typed}", "1")
        fields = {name: {typed: typed} for name in verb.request.model_fields}
        sweep.run(*words, "--request", base64.b64encode(json.dumps(fields).encode()).decode())
        for asked in (json.dumps({typed: 1}), json.dumps([typed]), f'{{"a": {typed}'):
            assert sweep.run(*words, "--request", base64.b64encode(asked.encode()).decode()) == 2
    assert story.left() == []


def wrong_key(shop: ShopWorkspace) -> None:
    key = shop.folder / "keys" / "master.key"
    key.chmod(0o600)
    key.write_text(ZOE.token)
    key.chmod(0o400)


def no_key(shop: ShopWorkspace) -> None:
    (shop.folder / "keys" / "master.key").unlink()


def damaged_store(shop: ShopWorkspace) -> None:
    database = shop.folder / "var" / "control.db"
    content = bytearray(database.read_bytes())
    for place in range(4096, len(content), 9973):
        content[place] ^= 0x55
    database.write_bytes(content)


def no_database(shop: ShopWorkspace) -> None:
    (shop.folder / "var" / "control.db").write_bytes(b"SQLite format 3\x00" + ZOE.email.encode() * 400)


def no_state(shop: ShopWorkspace) -> None:
    shutil.rmtree(shop.folder / "var")


def unread_settings(shop: ShopWorkspace) -> None:
    settings = shop.folder / "passerelle.yaml"
    settings.write_text(f"{settings.read_text()}\n{ZOE.email}: {ZOE.phone}\nsources: [{ZOE.first_name}\n")


def unknown_settings(shop: ShopWorkspace) -> None:
    settings = shop.folder / "passerelle.yaml"
    settings.write_text(f"{settings.read_text()}\n{ZOE.email}: {ZOE.phone}\n{ZOE.token}: {ZOE.first_name}\n")


def unknown_policy(shop: ShopWorkspace) -> None:
    policy = shop.folder / "policy.yaml"
    policy.write_text(f"{policy.read_text()}\n{ZOE.email}: {ZOE.first_name}\n{ZOE.last_name}: 1\n")


def garbage_everywhere(shop: ShopWorkspace) -> None:
    for kind in ("segments", "audiences", "notices", "sources"):
        for file in (shop.folder / kind).glob("*.yaml"):
            file.write_text(f"{ZOE.email}: [{ZOE.phone}]\nwhere: {{trait: {ZOE.email}}}\nsegment: {ZOE.first_name}\n")


STATES: list[Callable[[ShopWorkspace], None]] = [
    wrong_key,
    no_key,
    damaged_store,
    no_database,
    no_state,
    unread_settings,
    unknown_settings,
    unknown_policy,
    garbage_everywhere,
]


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_whatever_state_the_shop_is_in_no_verb_gives_anybody_away(
    sweep: Sweep, state: Callable[[ShopWorkspace], None]
) -> None:
    story = Story(sweep)
    story.run("evidence keygen --out {temp}/dpo.key")
    assert story.run("pull crm") in LOOK
    state(sweep.shop)
    for line, _ in STORY[6:]:
        assert story.run(line) in EXIT_CODES.values(), line
    assert leaks(CANARIES, story.temp) == []


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """A disk on which no file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
@pytest.mark.parametrize("size", [2_000, 60_000])
def test_on_a_full_disk_no_verb_gives_anybody_away(sweep: Sweep, size: int) -> None:
    story = Story(sweep)
    story.run("evidence keygen --out {temp}/dpo.key")
    assert story.run("pull crm") in LOOK
    for line, _ in STORY[6:]:
        with small_files(size):
            told = story.run(line)
        assert told in EXIT_CODES.values(), line
    assert story.left() == []
    assert story.run("audit verify") == 0, sweep.seen[-1].stdout.decode()[-800:]


LONG = ["pull --full", "plan", "sync", "erase --file {leo}", "keys rotate", "audit verify", "serve", "twins"]


@pytest.mark.slow
@pytest.mark.parametrize("line", LONG)
@pytest.mark.parametrize("seconds", [0.9, 1.6, 2.4])
def test_a_verb_that_is_told_to_stop_gives_nobody_away(sweep: Sweep, line: str, seconds: float) -> None:
    story = Story(sweep)
    story.run("evidence keygen --out {temp}/dpo.key")
    story.run("pull crm")
    if line == "serve":
        (story.given / "runner.token").write_text("a" * 64)
        line += " --port 0 --token-file {given}/runner.token"
    if line == "twins":
        line += " --meta-port 0 --data-manager-port 0 --google-ads-port 0"
    words = [word.format(**story.words) for word in line.split()]
    with sweep.start(*words) as process:
        time.sleep(seconds)
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert leaks(CANARIES, Ran(process.returncode, out, err)) == []
    assert process.returncode in {*EXIT_CODES.values(), -15}, err[-400:]
    assert story.left() == []
