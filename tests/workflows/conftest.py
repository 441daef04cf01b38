"""The shop of the auditor's tests, made once for a worker and copied for each."""

import shutil
from pathlib import Path

import pytest

from tests.workflows.verbs.audit.shop import Shop


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Shop(tmp_path_factory.mktemp("audit") / "shop")
    made.open()
    return made.folder


@pytest.fixture
def shop(audited: Path, tmp_path: Path) -> Shop:
    return Shop(Path(shutil.copytree(audited, tmp_path / "shop")))
