"""The migrations lead to the tables that the code speaks of."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import Store
from passerelle.privacy.store.schema import HEAD, MIGRATIONS
from passerelle.privacy.store.tables import metadata


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)
    yield engine
    engine.dispose()


def test_the_migrated_schema_is_that_of_the_code(url: str, engine: Engine) -> None:
    Store.open(url).close()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrated_tables_of_sqlite_have_the_same_layout(tmp_path_factory: pytest.TempPathFactory) -> None:
    def layout(engine: Engine) -> dict[str, str]:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            found = {row.name: "".join(row.sql.replace('"', "").split()) for row in rows}
        found.pop("alembic_version", None)
        engine.dispose()
        return found

    folder = tmp_path_factory.mktemp("layout")
    Store.open(f"sqlite:///{folder}/migrated.db").close()
    straight = create_engine(f"sqlite:///{folder}/straight.db")
    metadata.create_all(straight)
    assert layout(create_engine(f"sqlite:///{folder}/migrated.db")) == layout(straight)


def test_the_newest_revision_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_store_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    Store.open(url).close()
    program = f"import sys; from passerelle.privacy.store import Store; Store.open({url!r}).close()"
    program += "; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_store_of_a_newer_version_is_refused(url: str, engine: Engine) -> None:
    Store.open(url).close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(IntegrityError, match="schema version"):
        Store.open(url)


def test_tables_without_a_version_are_refused(url: str, engine: Engine) -> None:
    Store.open(url).close()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(IntegrityError, match="no schema version"):
        Store.open(url)
