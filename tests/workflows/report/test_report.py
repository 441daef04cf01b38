"""`audit report`: one page, the same for the same log and time."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from passerelle.privacy.consent import REASONS
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.workflows.report.language import texts
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.workspace import Workspace
from tests.workflows.verbs.audit.shop import ZOE, Shop
from tests.workflows.verbs.people import ask, workspace

EVIL = "<script>alert('x')</script>&\"'"


def made(shop: Shop, out: Path, **words: Any) -> str:  # noqa: ANN401 - a request
    shop.ask("report", out=out, **words)
    return out.read_text("utf-8")


def test_the_page_says_what_the_questions_say_and_names_nobody(shop: Shop, tmp_path: Path) -> None:
    shop.withdraw()
    shop.take_out()
    page = made(shop, tmp_path / "page.html")
    for word in ("Record of processing", "Atelier", "lapsing", "withdrawal", "passerelle/atelier", "ads-2026@1"):
        assert word in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    for form in ZOE.forms():
        assert form not in page
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_same_log_and_time_make_the_same_bytes(shop: Shop, tmp_path: Path, language: str) -> None:
    first = made(shop, tmp_path / "1.html", language=language)
    assert made(shop, tmp_path / "2.html", language=language) == first
    assert f'lang="{language}"' in first


def test_findings_stand_first_and_make_the_outcome(shop: Shop, tmp_path: Path) -> None:
    shop.withdraw()
    result = shop.ask("report", out=tmp_path / "page.html", sla=1, language="fr")
    assert result.outcome is Outcome.HELD_BACK
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.index("membres sans décision valable") < page.index('id="record"')


def test_hostile_names_mean_nothing_to_a_browser(shop: Shop, tmp_path: Path) -> None:
    settings = yaml.safe_load((shop.folder / "passerelle.yaml").read_text("utf-8"))
    settings["controller"] = {"name": EVIL, "address": EVIL}
    settings["vendors"] = {"meta": {"entity": EVIL}}
    settings["record"] = {"people": [EVIL], "security": [EVIL], "retention": EVIL}
    (shop.folder / "passerelle.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    segment = shop.folder / "segments" / "lapsing_champions.yaml"
    segment.write_text(yaml.safe_dump({**yaml.safe_load(segment.read_text("utf-8")), "description": EVIL}), "utf-8")
    page = made(shop, tmp_path / "page.html")
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page.replace("<wbr/>", "")


def test_a_changed_store_makes_a_report_that_says_so(shop: Shop, tmp_path: Path) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().write() as connection:
        connection.execute(update(t.consent_event).values(state="RenewedConsentGiven"))
    result = shop.ask("report", out=tmp_path / "page.html")
    assert result.outcome is Outcome.INTEGRITY_FAILURE
    assert "is not what it was" in (tmp_path / "page.html").read_text("utf-8")


def test_the_page_is_made_of_an_empty_workspace_and_of_the_past(shop: Shop, tmp_path: Path) -> None:
    folder = workspace(tmp_path / "empty")
    ask(folder, "audit report", out=tmp_path / "empty.html", language="fr")
    assert "As was known then" in made(shop, tmp_path / "past.html", as_of="2026-11-20T18:00:00Z")


def test_a_page_that_cannot_be_written_is_said(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be written"):
        shop.ask("report", out=tmp_path / "nowhere" / "page.html")


def test_every_reason_of_the_gate_has_a_word_in_the_report() -> None:
    assert [reason for reason in REASONS if f"reason.{reason}" not in texts()] == []
