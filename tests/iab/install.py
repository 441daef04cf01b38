"""Installs IAB's own encoders from npm into a cache outside the tree, once; later runs find the stamp and return.

    python tests/iab/install.py            installs where needed, prints where they stand
    python tests/iab/install.py --check    only says whether a finished install stands there (exit 0 or 1)

The cache is `$PASSERELLE_IAB_CACHE`, else `~/.cache/passerelle-iab`. It needs node and npm, and about 10 MB.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = {
    "name": "iab-encoders",
    "private": True,
    "dependencies": {"@iabtcf/core": "1.5.6", "@iabgpp/cmpapi": "3.2.0"},
}
RECIPE = hashlib.sha256(json.dumps(PACKAGE, sort_keys=True).encode()).hexdigest()[:16]


class Unavailable(Exception):
    """The encoders can't be had here; the message says why."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the install is kept between runs."""
    named = environment.get("PASSERELLE_IAB_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "passerelle-iab"


def is_installed(cache: Path) -> bool:
    """Whether an install by this very recipe was finished there."""
    stamp = cache / "stamp"
    return stamp.is_file() and stamp.read_text() == RECIPE


def install(cache: Path) -> None:
    """Install, or do nothing where the stamp fits. Raises `Unavailable` with a sentence."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} was not found on PATH")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one machine must not install into one folder at once
        if is_installed(cache):
            return
        (cache / "stamp").unlink(missing_ok=True)
        (cache / "package.json").write_text(json.dumps(PACKAGE, indent=1))
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        try:
            done = subprocess.run(command, cwd=cache, check=False, stdout=sys.stderr, timeout=300)
        except subprocess.TimeoutExpired:
            raise Unavailable("npm took more than five minutes") from None
        if done.returncode != 0:
            raise Unavailable(f"npm ended with {done.returncode}")
        (cache / "stamp").write_text(RECIPE)


def main() -> int:
    """Install or check, and print the cache's place on stdout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="install nothing; exit 1 where nothing is installed")
    arguments = parser.parse_args()
    cache = cache_folder()
    if not arguments.check:
        try:
            install(cache)
        except Unavailable as reason:
            sys.stderr.write(f"iab: {reason}\n")
            return 1
    sys.stdout.write(f"{cache}\n")
    return 0 if is_installed(cache) else 1


if __name__ == "__main__":
    raise SystemExit(main())
