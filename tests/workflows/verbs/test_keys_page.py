"""docs/keys.md is true: its commands run, one after the other, in one workspace."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.verbs.people import ask, workspace

PAGE = Path(__file__).parents[3] / "docs/keys.md"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the pair on the page")
def test_each_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "shop")
    ask(folder, "consent record", stdin=b"zoe@example.fr", purpose="ad_list_matching", state="given")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in shown for line in block.splitlines()]
    for line in lines:
        if line == "passerelle keys import key.sealed --private escrow.pem":
            (folder / "keys/master.key").unlink()  # the loss that the page speaks of
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env={"PATH": path, "HOME": str(tmp_path)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, line
    assert len(lines) > 10
