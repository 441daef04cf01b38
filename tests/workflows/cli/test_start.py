"""What a command line costs before its verb begins: only the verbs that it may mean are made."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from passerelle.workflows.verbs.registry import MODULES, meant, verbs
from tests.command import told


def test_every_module_holds_verbs_of_its_own_first_word_alone() -> None:
    for module, word in MODULES.items():
        found = import_module(f"passerelle.workflows.verbs.{module}").VERBS
        assert {verb.name.partition(" ")[0] for verb in found} == {word}


def test_a_verb_s_words_mean_that_verb_alone() -> None:
    for verb in verbs():
        assert [each.name for each in meant([*verb.name.split(), "more"])] == [verb.name]


@pytest.mark.parametrize("words", [[], ["--help"], ["nothing"], ["-w", "shop", "plan"]])
def test_words_that_begin_with_no_verb_may_mean_any(words: list[str]) -> None:
    assert meant(words) == verbs()


def test_a_first_word_alone_may_mean_all_its_verbs() -> None:
    assert {each.name for each in meant(["keys", "rotat"])} == {each.name for each in verbs() if "keys " in each.name}


HEAVY = {"duckdb", "google", "facebook_business", "grpc", "httpx", "ibis", "phonenumbers", "rich", "sklearn", "sqlglot"}
STATUS = """
import sys
from passerelle.workflows.cli.main import main
code = main(["status", "--offline", "--json", "-w", sys.argv[1]])
print(",".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def test_settings_are_read_and_status_told_without_what_only_other_verbs_need(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert told(shop, "init", str(shop))[0] == 0
    run = [sys.executable, "-c", STATUS, str(shop)]

    done = subprocess.run(run, capture_output=True, check=True, timeout=60, text=True)

    loaded = set(done.stderr.strip().splitlines()[-1].split(","))
    assert "passerelle.workflows.settings.load" in loaded
    assert HEAVY & loaded == set()
    rooms = ("clusters", "compile", "engines", "learning", "scores")
    assert not [name for name in loaded if name.startswith(tuple(f"passerelle.segmentation.{room}" for room in rooms))]


@pytest.mark.parametrize(("through", "heard"), [("", b"heard"), ("import passerelle.workflows.cli.main;", b"")])
def test_no_plugin_of_pydantic_hears_a_value(through: str, heard: bytes, tmp_path: Path) -> None:
    about = tmp_path / "listener-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: listener\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pydantic]\nlistener = listener:plugin\n")
    (tmp_path / "listener.py").write_text(
        "class plugin:\n    @staticmethod\n    def new_schema_validator(*_):\n        print('heard', end='')\n"
        "        raise SystemExit\n"
    )
    run = f"{through}from pydantic import TypeAdapter; TypeAdapter(str).validate_python('x')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("PYDANTIC_DISABLE_PLUGINS", None)
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, check=False, timeout=60, env=environment)
    assert (done.stdout, done.stderr, done.returncode) == (heard, b"", 0)
