"""The shop of these tests, made once and copied for each."""

import shutil
from pathlib import Path

import pytest

from tests.workflows.verbs.audit.shop import Shop


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Shop(tmp_path_factory.mktemp("audit") / "shop")
    made.open()
    return made.folder


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Shop:
    return Shop(Path(shutil.copytree(template, tmp_path / "shop")))
