"""What is built is what is in the tree, and it runs from where it is installed."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("connectors", "privacy", "segmentation", "workflows")

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_exactly_the_rooms_as_git_knows_them(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {f"passerelle/{name}" for name in listed.stdout.splitlines()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == tracked
    assert len(packed) > 100


def test_the_wheel_brings_one_import_name_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {name.split("/")[0].split("-")[0] for name in archive.namelist()} == {"passerelle"}
        entries = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "passerelle = passerelle.workflows.cli.main:main" in archive.read(entries).decode()


def test_the_demo_runs_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(place / "bin" / "python")]
    requirements = ROOT / "requirements" / "runtime.txt"
    subprocess.run([*uv, "--require-hashes", "-r", str(requirements)], check=True, capture_output=True)
    subprocess.run([*uv, "--no-deps", str(wheel)], check=True, capture_output=True)
    demo = [str(place / "bin" / "passerelle"), "demo", "--json", "--folder", str(tmp_path / "shop")]
    done = subprocess.run(demo, cwd=tmp_path, capture_output=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    told = json.loads(done.stdout)
    assert told["log"]["verified"]
    assert all(row["members"] == row["at_platform"] > 0 for row in told["audiences"])
