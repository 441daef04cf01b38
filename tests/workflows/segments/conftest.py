import shutil
from pathlib import Path

import pytest

from tests.once import once
from tests.workflows.segments.shop import made


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "segments-shop", made), tmp_path / "ws"))
