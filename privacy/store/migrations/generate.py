"""Writes the first migration again from `tables.py`, until the first release.

    python -m passerelle.privacy.store.migrations.generate

After it, a change of `tables.py` gets a migration of its own, and this goes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from passerelle.privacy.store.schema import HEAD, MIGRATIONS


def main() -> None:
    """Autogenerate revision 0001 against an empty SQLite file, and format it."""
    versions = MIGRATIONS / "versions"
    versions.mkdir(exist_ok=True)
    for old in versions.glob("0*.py"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'empty.db'}")
        with engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.revision(config, "Control store tables", autogenerate=True, rev_id=HEAD)
    for made in versions.glob("0*.py"):
        lines = made.read_text().splitlines(keepends=True)
        made.write_text("".join(line for line in lines if not line.strip().startswith("# ###")))
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--quiet", "--fix", str(versions)], check=False)  # noqa: S603 - our own tool
    subprocess.run([*ruff, "format", "--quiet", str(versions)], check=True)  # noqa: S603 - our own tool


if __name__ == "__main__":
    main()
