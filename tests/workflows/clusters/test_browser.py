"""The page about groups as a real browser draws it."""

import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from passerelle.workflows.clusters.pictures import COLOURS
from passerelle.workflows.clusters.report import report
from tests.segmentation.clusters.crowd import asked, fitted
from tests.workflows.clusters.test_report import runs

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
Pixels = npt.NDArray[np.int16]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_a_browser_draws_every_group_in_its_colour_and_asks_nobody(tmp_path: Path) -> None:
    model = fitted(embedding={})
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(report(asked(names={"1": "best"}), model, runs(model)))
    size = ["--window-size=900,4800", "--force-device-scale-factor=0.5"]
    command = [BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *size]
    own = [f"--user-data-dir={tmp_path / 'browser'}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run([*command, *own], check=True, capture_output=True, timeout=240)
    seen = pixels(picture.read_bytes())
    assert seen.shape == (2400, 450, 3)
    for colour in COLOURS[: len(model.groups)]:
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        drawn = np.abs(seen - wanted).max(axis=2) < 8
        assert drawn.sum() > 25, colour
        assert not drawn[:, -8:].any(), "nothing is cut off at the right edge"


def pixels(png: bytes) -> Pixels:
    """The picture's red, green and blue, a row for each line (PNG with eight bits a channel, not interlaced)."""
    wide, high = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert png[24] == 8
    channels = {2: 3, 6: 4}[png[25]]
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(high, 1 + wide * channels)
    made = np.zeros((high + 1, wide + 1, channels), np.int16)
    for line in range(high):
        _undo(int(rows[line, 0]), rows[line, 1:].reshape(wide, channels).astype(np.int16), made, line + 1)
    return made[1:, 1:, :3]


def _undo(kind: int, raw: Pixels, made: Pixels, line: int) -> None:
    """One line's filter (PNG, section 9), into `made`, which has an edge of zeros above and to the left."""
    above, here = made[line - 1], made[line]
    if kind in {0, 2}:
        here[1:] = (raw + (above[1:] if kind else 0)) % 256
        return
    if kind == 1:
        here[1:] = np.cumsum(raw, axis=0, dtype=np.int64) % 256
        return
    for place in range(1, len(here)):
        left, up, corner = here[place - 1], above[place], above[place - 1]
        if kind == 3:
            guess = (left + up) // 2
        else:
            far = [np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)]
            guess = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner))
        here[place] = (raw[place - 1] + guess) % 256
