"""The page about a segment as a real browser draws it."""

import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerelle.segmentation import RfmMap
from passerelle.segmentation.figures import Condition
from passerelle.segmentation.rfm_map import Worth
from passerelle.segmentation.rules import Sort, ValueType
from passerelle.workflows.report.markup import Markup
from passerelle.workflows.segments.report import SECTIONS, sheet
from passerelle.workflows.segments.section import Section
from passerelle.workflows.segments.sections import conditions, consent, holdout, rfm, size, thresholds
from tests.segmentation.world import T
from tests.workflows.clusters.test_browser import pixels
from tests.workflows.segments.test_sections import compared, course, outcome, over, reached

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
BAR, OTHER = (0x1F, 0x4E, 0x79), (0xC7, 0x7B, 0x30)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_a_browser_draws_every_section_and_asks_nobody(tmp_path: Path) -> None:
    money = ValueType(Sort.MONEY)
    cells = {(r, f): Worth(10 + 90 * r * f, 5000.0 * f) for r in range(1, 6) for f in range(1, 6)}
    drawn: list[tuple[Section[Any], Markup]] = [
        (size.SIZE, size.draw_size(over(400, 420, 500, 450, 610))),
        (size.MOVES, size.draw_moves(over(400, 420, 500, came=40, went=20))),
        (conditions.SECTION, conditions.draw(conditions.Narrowed(5000, [Condition("did buy", 3000, 3000)]))),
        (thresholds.SECTION, thresholds.draw(thresholds.Gone([course(9)], 0, T))),
        (rfm.SECTION, rfm.draw(RfmMap(5, cells, {"champions": Worth(900, float(Decimal(4200)))}, 0, money))),
        (consent.SECTION, consent.draw([reached(600, withdrawn=300, refused=100)])),
        (holdout.SECTION, holdout.draw([compared(outcome(90, 900, 9_000), outcome(10, 200, 1_000))])),
    ]
    assert set(SECTIONS) >= {section for section, _ in drawn}
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(sheet("Segment best", [(section.title, inside) for section, inside in drawn]))
    size_of = ["--window-size=900,4000", "--force-device-scale-factor=0.5"]
    command = [BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *size_of]
    own = [f"--user-data-dir={tmp_path / 'browser'}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run([*command, *own], check=True, capture_output=True, timeout=240)
    seen = pixels(picture.read_bytes())
    for colour, least in ((BAR, 2000), (OTHER, 100)):
        assert (np.abs(seen - np.array(colour)).max(axis=2) < 8).sum() > least, colour
    assert not (np.abs(seen[:, -8:] - 255).max(axis=2) > 8).any(), "nothing is cut off at the right edge"
    dark = np.abs(seen - np.array((0x37, 0x37, 0x41))).max(axis=2) < 8
    rows, columns = np.nonzero(dark.sum(axis=1) > 25)[0], np.nonzero(dark.sum(axis=0) > 12)[0]
    cell = seen[rows.min() : rows.max(), columns.min() : columns.max()]
    assert 15 < cell.shape[0] < 40 < cell.shape[1] < 70, "one cell is the darkest"
    assert (cell.min(axis=2) > 120).sum() > 20, "letters on the darkest cell are light"
