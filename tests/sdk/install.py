"""Installs the vendors' own clients from requirements/sdk.txt into a cache outside the tree, once.

    python tests/sdk/install.py            installs where needed, prints where their interpreter stands
    python tests/sdk/install.py spark      the same with requirements/spark.txt: what the tests on Spark run in
                                           (as snowflake.txt; bqemulator.txt and fakesnow.txt are stand-ins' own)
    python tests/sdk/install.py servers    the same with requirements/servers.txt: servers that tests read

The cache is `$PASSERELLE_SDK_CACHE`, else `~/.cache/passerelle-sdk`. They stand apart from this project's own packages,
since they are here to disagree with us.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

LOCKS = Path(__file__).parents[2] / "requirements"


class Unavailable(Exception):
    """The clients can't be had here; the message says why."""


def interpreter(environment: Mapping[str, str] = os.environ, name: str = "sdk") -> Path:
    """The Python that has what the lock `name` lists. Raises `Unavailable` with a sentence."""
    named = environment.get("PASSERELLE_SDK_CACHE")
    cache = Path(named).expanduser() if named else Path.home() / ".cache" / "passerelle-sdk"
    wanted = LOCKS / f"{name}.txt"
    recipe = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache / recipe
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one machine must not install into one folder at once
        if not (folder / "stamp").is_file():
            venv.create(folder, clear=True)
            uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"]
            done = subprocess.run(
                [*uv, "--python", str(folder / "bin" / "python"), "--require-hashes", "-r", str(wanted)],
                check=False,
                stdout=sys.stderr,
                timeout=600,
            )
            if done.returncode:
                raise Unavailable(f"uv ended with {done.returncode}")
            (folder / "stamp").touch()
    return folder / "bin" / "python"


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{interpreter(name=(sys.argv[1:] or ['sdk'])[0])}\n")
    except Unavailable as problem:
        raise SystemExit(str(problem)) from None
