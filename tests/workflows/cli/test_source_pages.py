"""The pages of vendors say what their connectors do today."""

from pathlib import Path

import pytest

from passerelle.workflows.cli.source_pages import BEGIN, with_fields
from passerelle.workflows.settings.plugins import kinds

PAGES = Path(__file__).parents[3] / "docs" / "sources"
IN_YAML = {"consent_files", "files", "sql", "rest", "webhooks", "webhook_deletions"}


def test_every_connector_has_a_page() -> None:
    lacking = [kind for kind in kinds("passerelle.sources") if not (PAGES / f"{kind}.md").exists()]
    assert set(lacking) <= IN_YAML


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: str(path.stem))
def test_a_vendors_page_names_the_fields_that_are_read(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert BEGIN in page or path.stem in IN_YAML
    assert page == with_fields(page, path.stem), "run: make generate"
