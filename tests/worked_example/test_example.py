"""The worked example says what its commands say."""

import re
from collections.abc import Iterator

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.end_to_end.shop import ShopWorkspace
from tests.worked_example.make import DATA, FOLDER, PAGE, pictures, told, workspace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("worked_example"),
    pytest.mark.skipif(not DATA.exists(), reason="the Online Retail data is not beside this checkout"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorkspace]:
    with in_process() as twins:
        yield workspace(tmp_path_factory.mktemp("example") / "shop", twins)


def test_the_page_and_its_pictures_are_what_the_commands_print_and_draw(shop: ShopWorkspace) -> None:
    page = PAGE.read_text()
    assert told(shop, page) == page, "write it anew: make example"
    drawn = pictures(shop)
    assert {path.name for path in FOLDER.glob("*.svg")} == drawn.keys()
    assert all(f"({name})" in page for name in drawn)
    for name, text in drawn.items():
        assert _shape((FOLDER / name).read_text()) == _shape(text), name


def _shape(picture: str) -> str:
    """All but colours, and where a point lies to a tenth of a pixel: that is another processor's business."""
    return re.sub(r'="[-\d., MLZ]+"|<style>.*?</style>', "", picture)
