"""Tables in a bucket of S3: whoever is faster, whatever the bucket keeps."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from passerelle.connectors.errors import Refused
from passerelle.connectors.s3 import Bucket
from passerelle.privacy.errors import TryLater
from passerelle.workflows.lake import Lake
from passerelle.workflows.lake.bucket import InBucket
from tests.sdk.far import KEY, REGION, everything, made
from tests.workflows.test_lake import NOBODY, PERSON, gone, people, put, seen

pytestmark = [pytest.mark.sdk, pytest.mark.xdist_group("sdk")]


def lake(bucket: Bucket, folder: Path, fault: Callable[[str], None] | None = None) -> Lake:
    folder.mkdir(exist_ok=True)
    return Lake(InBucket(bucket, "shop/", folder), fault=fault)


def test_readers_see_what_is_settled_and_copies_go_with_the_run(bucket: Bucket, tmp_path: Path) -> None:
    first, second = lake(bucket, tmp_path / "here"), lake(bucket, tmp_path / "there")
    first.stage("crm", PERSON, people((1, 1, 11, "a"), (2, 1, 12, "b")), NOBODY)
    assert (len(second.tables()["crm"].files), second.names()) == (0, ["crm"])
    first.settle("crm")
    assert seen(second) == seen(first) == [(11, "a"), (12, "b")]
    put(second, people((1, 2, 11, "c")), gone((2, 2)))
    assert seen(first) == [(11, "c")]
    held = first.tables()["crm"]
    assert len(held.named) == len(held.files)
    first.close()
    assert not list((tmp_path / "here").glob("run-*"))
    second.close()


@pytest.mark.parametrize("step", ["page written", "merged"])
def test_of_two_machines_that_write_at_once_neither_loses_its_work(store: str, tmp_path: Path, step: str) -> None:
    bucket = made(store, f"both-{step[:4]}", versions=True)
    other = lake(bucket, tmp_path / "there")
    steps: list[str] = []

    def meanwhile(name: str) -> None:
        if name == step and step not in steps:
            steps.append(name)
            put(other, people((2, 1, 12, "other")))

    mine = lake(bucket, tmp_path / "here", meanwhile)
    put(mine, people((1, 1, 11, "mine")))
    assert steps == [step]
    assert seen(mine) == [(11, "mine"), (12, "other")]
    named = {name for table in mine.tables().values() for name in table.named}
    assert {one.key.rpartition("/")[2] for one in bucket.versions("shop/crm/rows")} >= named


def test_who_is_always_overtaken_is_told_to_come_again(store: str, tmp_path: Path) -> None:
    bucket = made(store, "overtaken", versions=False)
    other = lake(bucket, tmp_path / "there")
    mine = lake(bucket, tmp_path / "here", lambda _step: other.remark("crm", {"at": os.urandom(4).hex()}))
    put(other, people((1, 1, 11, "a")))
    with pytest.raises(TryLater, match="somebody else"):
        mine.stage("crm", PERSON, people((2, 1, 12, "b")), NOBODY)
    assert seen(other) == [(11, "a")]


def test_nothing_of_who_is_forgotten_stays_in_any_version(bucket: Bucket, tmp_path: Path) -> None:
    mine = lake(bucket, tmp_path / "here")
    put(mine, people((1, 1, 11, "SECRET"), (2, 1, 12, "b")))
    put(mine, people((1, 2, 11, "SECRET")))
    put(mine, people((3, 1, 13, "c")))
    bucket.client.put_object(Bucket=bucket.name, Key="shop/crm/rows-left.parquet", Body=b"SECRET")
    upload = {"Bucket": bucket.name, "Key": "shop/crm/rows-half.parquet"}
    bucket.client.create_multipart_upload(**upload)
    bucket.client.put_object(Bucket=bucket.name, Key="elsewhere/SECRET", Body=b"not ours")
    assert mine.forget(pa.array([11])) == 1
    assert seen(mine) == [(12, "b"), (13, "c")]
    assert not any(b"SECRET" in content for content in everything(bucket))
    assert (b"not ours" in everything(bucket), bucket.unfinished("shop/")) == (True, [])
    assert mine.forget(pa.array([11])) == 0
    assert {one.newest for one in bucket.versions("shop/")} == {True}
    assert not list((tmp_path / "here").rglob("rows-left*"))


def test_a_version_that_the_bucket_will_not_let_go_is_an_error(store: str, tmp_path: Path) -> None:
    bucket = Bucket.open("locked", REGION, KEY, urlsplit(store))
    bucket.client.create_bucket(
        Bucket="locked", CreateBucketConfiguration={"LocationConstraint": REGION}, ObjectLockEnabledForBucket=True
    )
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    bucket.client.put_object_lock_configuration(
        Bucket="locked", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    mine = lake(bucket, tmp_path / "here")
    with pytest.raises(Refused, match="keeps"):
        put(mine, people((1, 1, 11, "a"), (2, 1, 12, "b")))
