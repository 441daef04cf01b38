"""Installs a real Vendure (a shop that is asked by GraphQL) from npm into a cache outside the tree, once.

    python -m tests.servers.vendure_setup     installs where needed, prints where it stands

The cache is `$PASSERELLE_SERVERS_CACHE`, else `~/.cache/passerelle-servers`. It needs npm and about 180 MB; nothing is
compiled.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# The newest of what is overridden is not on the registry.
PACKAGE = {
    "name": "shop",
    "private": True,
    "dependencies": {"@vendure/core": "3.7.3", "sql.js": "1.16.0"},
    "overrides": {"@graphql-tools/batch-execute": "10.2.0"},
}
RECIPE = hashlib.sha256(json.dumps(PACKAGE, sort_keys=True).encode()).hexdigest()[:16]
_SECONDS = 900
_QUIET = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=dev", "--loglevel=error")


class Unavailable(Exception):
    """It can't be had here; the message says why."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is kept between runs."""
    named = environment.get("PASSERELLE_SERVERS_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "passerelle-servers"


def found(cache: Path) -> Path:
    """The folder that holds its `node_modules`. Raises `Unavailable` with a sentence where it was not installed."""
    folder = cache / RECIPE
    if not (folder / "stamp").is_file():
        raise Unavailable("Vendure is not installed here: run python -m tests.servers.vendure_setup")
    return folder


def install(cache: Path) -> Path:
    """Install it, or do nothing where that was done. Raises `Unavailable` with a sentence."""
    folder = cache / RECIPE
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one machine must not install into one folder at once
        if not (folder / "stamp").is_file():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    if shutil.which("npm") is None:
        raise Unavailable("npm was not found on PATH")
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps(PACKAGE), encoding="utf-8")
    try:
        done = subprocess.run(["npm", "install", *_QUIET], cwd=folder, check=False, stdout=sys.stderr, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable("npm took more than fifteen minutes") from None
    if done.returncode:
        raise Unavailable(f"npm could not install Vendure (exit {done.returncode})")
    (folder / "stamp").touch()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{install(cache_folder())}\n")
    except Unavailable as problem:
        raise SystemExit(str(problem)) from None
