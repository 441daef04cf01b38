"""The lake in a bucket of S3: what holds on disk holds there, whoever dies, is faster, or keeps versions."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from passerelle.connectors.s3 import Bucket
from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import DatasetTable
from passerelle.segmentation.engines.copies import copy_name
from passerelle.workflows.engine import dataset, preview_segment
from passerelle.workflows.workspace import Workspace
from tests.command import told
from tests.end_to_end.conftest import everybody_in
from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_erasure import everybody, in_file
from tests.privacy.store.stores import fresh_database
from tests.sdk.far import earlier, everything, in_bucket, later, made, shop
from tests.sdk.killed import KILLED_AT
from tests.workflows.pulls import Shop, contact

pytestmark = [pytest.mark.sdk, pytest.mark.xdist_group("sdk")]


def test_a_pull_ends_as_on_disk_and_the_bucket_holds_no_more_than_the_disk(
    bucket: Bucket, store: str, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    disk, far = Shop(tmp_path / "disk"), shop(tmp_path / "far", bucket, store)
    for each in (disk, far):
        earlier(each)
        later(each)
    assert far.end_state() == disk.end_state()
    held = b"".join(everything(bucket))
    assert not [word for word in (b"example.org", b"person.1", b"France") if word in held]
    names = {name.partition("/")[2].partition("-")[0] for name in bucket.names("shop/")}
    assert names <= {path.name.partition("-")[0] for path in (disk.folder / "var/lake").rglob("*.*")}
    assert not (far.folder / "var/lake").exists()
    far.close()
    assert not list((far.folder / "var/lake-copies").glob("run-*"))


def test_a_pull_that_is_killed_at_any_step_of_the_lake_ends_as_one_that_was_not(store: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sdk.killed", str(tmp_path), store],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["step"] for one in told} == set(KILLED_AT)
    assert all(one["killed"] and one["same"] and one["tidy"] for one in told), told


def test_copies_elsewhere_are_found_again_without_a_file_being_brought(store: str, tmp_path: Path) -> None:
    bucket = made(store, "copies", versions=False)
    far = shop(tmp_path / "far", bucket, store)
    earlier(far)
    far.close()
    names = []
    for _ in range(2):
        with Workspace.open(far.folder) as workspace:
            tables = workspace.lake().tables()
            names.append([copy_name(DatasetTable(n, t.grain, t.columns, t.files, t.named)) for n, t in tables.items()])
            assert not list((far.folder / "var/lake-copies").rglob("*.parquet"))
    assert names[0] == names[1]


def test_a_shop_is_checked_chosen_from_and_erased_from_in_its_bucket(store: str, tmp_path: Path) -> None:
    bucket = made(store, "erasing", versions=True)
    far = everybody_in(tmp_path / "shop", people=60)
    shutil.copytree(far.folder, tmp_path / "disk")
    disk = ShopWorkspace(tmp_path / "disk", far.twins)
    in_bucket(far.folder, bucket, store)
    pulled = [each.here("pull")["quality"] for each in (disk, far)]
    assert [[(table["table"], table["let_through"]) for table in one] for one in pulled] == [
        [("crm", True), ("orders", True)]
    ] * 2
    found = [each.here("segment", "preview", "everybody") for each in (disk, far)]
    assert found[0]["size"] == found[1]["size"]
    assert any(name.startswith("shown-") for name in bucket.names("shop/orders/"))
    ((number, _, email), *_) = everybody(far)
    assert number in in_any_version(bucket)
    code, done = told(far.folder, "erase", "--file", in_file(far.folder, email))
    assert (code, done["done"]) == (0, 1)
    assert number not in in_any_version(bucket)


def in_any_version(bucket: Bucket) -> set[int]:
    """Everybody of whom some version of some object has a row."""
    tables = [pq.read_table(pa.BufferReader(one)) for one in everything(bucket) if one.startswith(b"PAR1")]
    return {number for one in tables if "subject_id" in one.column_names for number in one["subject_id"].to_pylist()}


@pytest.mark.postgres
def test_postgresql_copies_a_table_of_the_bucket_once(store: str, tmp_path: Path) -> None:
    far = everybody_in(tmp_path / "shop", people=60)
    in_bucket(far.folder, made(store, "postgres", versions=False), store)
    found = [far.here("pull"), far.here("segment", "preview", "everybody")]
    for url in fresh_database():
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        secret = far.folder / "secrets/engine.url"
        secret.write_text(address, encoding="utf-8")
        secret.chmod(0o600)
        settings = far.folder / "passerelle.yaml"
        text = yaml.safe_load(settings.read_text(encoding="utf-8"))
        text["engine"] = {"kind": "postgres", "url_file": "secrets/engine.url"}
        settings.write_text(yaml.safe_dump(text), encoding="utf-8")
        assert far.here("segment", "preview", "everybody")["size"] == found[1]["size"]
        with Workspace.open(far.folder) as workspace:
            again = preview_segment(workspace, "everybody", as_of=None, now=time.time_ns() // 1000, by=None)
            assert again.size == found[1]["size"]
            assert not list((far.folder / "var/lake-copies").rglob("*.parquet"))


class Cut:
    """A way to the store that ends in the middle of what is sent, once so many bytes went through."""

    def __init__(self, store: str, after: int) -> None:
        self._to = int(store.rpartition(":")[2])
        self._left = after
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self._left <= 0:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if counted:
                    self._left -= len(data)
                    if self._left <= 0:
                        break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def test_a_network_that_dies_in_the_middle_of_a_write_is_for_later_and_nothing_is_half(
    store: str, tmp_path: Path
) -> None:
    bucket = made(store, "cut", versions=False)
    far = shop(tmp_path / "far", bucket, store)
    earlier(far)
    before = far.end_state()
    far.close()
    way = Cut(store, 6_000)
    in_bucket(far.folder, bucket, way.url)
    far.contacts([contact(number, tier="new", updated_at="2026-11-10T00:00:00Z") for number in range(4)])
    code, result = told(far.folder, "pull", "crm")
    way.close()
    assert (code, result["outcome"], result["retryable"]) == (75, "try_later", True)
    in_bucket(far.folder, bucket, store)
    assert far.lake("crm", "subject_id", "tier") == [row[:2] for row in before["crm"]]
    far.pull("crm")
    assert {tier for _, tier in far.lake("crm", "subject_id", "tier")} == {"new"}
    far.close()


def test_doctor_says_how_the_bucket_stands(store: str, tmp_path: Path) -> None:
    bucket = made(store, "doctor", versions=True)
    far = shop(tmp_path / "far", bucket, store)
    lines = [one for one in told(far.folder, "doctor")[1]["checks"] if one["area"] == "lake"]
    assert [(one["name"], one["state"]) for one in lines] == [("reading", "ok"), ("writing", "ok"), ("versions", "ok")]
    assert "keeps versions" in lines[2]["message"]
    assert bucket.versions("") == []
    in_bucket(far.folder, bucket, store, path="s3://nobodys-bucket/shop")
    (line,) = [one for one in told(far.folder, "doctor")[1]["checks"] if one["area"] == "lake"]
    assert (line["state"], line["message"]) == ("failed", "There is no such bucket.")
    (far.folder / "secrets/lake.json").chmod(0o644)
    with Workspace.open(far.folder) as workspace, pytest.raises(DefinitionError, match="read by other users"):
        dataset(workspace)
