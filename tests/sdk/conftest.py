from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.connectors.s3 import Bucket
from tests.sdk.far import made
from tests.sdk.install import Unavailable, interpreter
from tests.sdk.stores import moto


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    try:
        python = interpreter()
    except Unavailable as problem:
        pytest.skip(str(problem))
    with moto(python) as url:
        yield url


@pytest.fixture(params=["off", "on"])
def bucket(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """An empty bucket; one that keeps versions, too."""
    return made(store, tmp_path.name.replace("_", "-")[-50:].strip("-").lower(), versions=request.param == "on")
