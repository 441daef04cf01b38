from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.privacy.rotation.world import World, made
from tests.privacy.store.stores import KINDS, fresh_url


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    for url in fresh_url(request.param, tmp_path):
        world = made(tmp_path, url)
        yield world
        world.close()
