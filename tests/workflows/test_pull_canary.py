"""No identifier reaches the lake, its temporary files, or anything else in clear."""

import sqlite3
from pathlib import Path

from passerelle.workflows.lake import Lake
from passerelle.workflows.pull import Seams
from tests.canary import Canary
from tests.workflows.pulls import Shop, contact


def test_no_identifier_is_in_clear_anywhere_in_the_lake_or_the_store(tmp_path: Path) -> None:
    canary = Canary.make("pull")
    shop = Shop(tmp_path)
    mark = contact(1, id=canary.external_id, email=canary.email)
    shop.contacts([mark, contact(2), contact(3, id=canary.external_id + "B", spent=canary.last_name)])
    shop.orders((1, canary.external_id, "2026-11-02", "10"))
    seen: list[str] = []

    def look(step: str) -> None:
        """At each step, whatever stands on disk, DuckDB's temporary files included."""
        seen.extend(f"{step}: {path.name}" for path in _holding(shop.folder / "var", canary))

    shop.pull(seams=Seams(fault=look, page_rows=2))
    shop.contacts([{**mark, "tier": "new", "updated_at": "2026-11-19T00:00:00Z"}])
    shop.pull(seams=Seams(fault=look))
    shop.close()
    look("closed")
    assert seen == []
    assert len(list((shop.folder / "var").rglob("*.parquet"))) > 1


def test_nothing_of_duckdbs_scratch_is_left_behind(tmp_path: Path) -> None:
    from tests.workflows.test_lake import PERSON, gone, key, people

    lake = Lake(tmp_path, memory="64MB")
    lake.stage("crm", PERSON, people((1, 1, 11, "a")), gone((2, 1)))
    lake.settle("crm")
    assert key(1) in b"".join(path.read_bytes() for path in tmp_path.rglob("rows-*"))
    assert not (tmp_path / "crm" / ".tmp").exists()


def test_the_state_that_is_kept_names_nobody(tmp_path: Path) -> None:
    canary = Canary.make("state")
    shop = Shop(tmp_path)
    shop.contacts([contact(1, id=canary.external_id, email=canary.email)])
    shop.orders((1, canary.external_id, "2026-11-02", "10"))
    shop.pull()
    shop.close()
    with sqlite3.connect(shop.folder / "var/control.db") as db:
        text = repr(db.execute("SELECT * FROM cursor").fetchall())
    db.close()
    assert not any(form in text for form in canary.forms())


def _holding(folder: Path, canary: Canary) -> list[Path]:
    needles = [form.encode() for form in canary.forms() if len(form) > 8]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]
