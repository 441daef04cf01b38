"""Every command that docs/erasure.md shows is run, as it stands there."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_erasure import members

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "erasure.md").read_text()


def shown() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ").split(" # ")[0].strip() for line in lines]


def carried_out(shop: ShopWorkspace, line: str, erasure: str) -> subprocess.CompletedProcess[bytes]:
    command, _, given = line.replace("er64…", erasure).partition("<")
    words = shlex.split(command)[1:]
    stdin = (shop.folder / given.strip()).read_bytes() if given else b""
    return subprocess.run(shop.command(*words), input=stdin, capture_output=True, check=False, cwd=shop.folder)


def test_the_commands_of_the_page_do_what_it_says(synced: ShopWorkspace) -> None:
    (_, _, one), *others = members(synced, 3)
    (synced.folder / "address.txt").write_text(f"{one}\n")
    (synced.folder / "people.jsonl").write_text("".join(json.dumps({"email": email}) + "\n" for _, _, email in others))
    commands = shown()
    keygen = next(line for line in commands if "keygen" in line)
    assert carried_out(synced, keygen, "").returncode == 0
    (synced.folder / "officer.key.pub").rename(synced.folder / "keys" / "officer.key.pub")
    (settings,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    with (synced.folder / "passerelle.yaml").open("a") as file:
        file.write(settings)
    erasure, told = "", {}
    for line in commands:
        if line == keygen:
            continue
        done = carried_out(synced, line, erasure)
        assert done.returncode == 0, (line, done.stdout, done.stderr[-2000:])
        told[line] = json.loads(done.stdout)
        erasure = erasure or told[line]["erasures"][0]["erasure"]
    assert [answer["done"] for line, answer in told.items() if line.startswith("passerelle erase")] == [1, 2, 0, 0]
    assert next(answer["is_claimant"] for line, answer in told.items() if "--claimant" in line) is True
    assert (synced.folder / "sealed.json").stat().st_mode & 0o777 == 0o600
