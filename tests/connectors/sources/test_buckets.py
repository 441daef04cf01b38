"""Files in buckets, as far as no bucket is needed; tests/sdk/test_buckets.py reads from stand-ins for S3 and Google."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.source import Context
from passerelle.connectors.sources.files import Files, FilesSettings
from passerelle.connectors.sources.files.buckets import Bucket
from passerelle.connectors.sources.files.place import reading
from passerelle.privacy.errors import DefinitionError, PasserelleError, TryLater
from tests.connectors.sources.fake_ga4 import service_account

FIELDS = {"id": {"key": True, "identifier": "external_id"}}
KEY = {"AccessKeyId": "AKIA-CANARY", "SecretAccessKey": "s3cr3t-canary"}
HELD = ("a.csv", "b.csv", "c.json", ".d.csv", "2026/e.csv", "2026/11/f.csv", ".old/g.csv")


class Refusing(FakeVendor):
    """Answers every request alike, but for tokens."""

    status = 403

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer({"access_token": "a-token", "expires_in": 3599})
        return Answer({"error": {"code": self.status}}, self.status) if self.status != 200 else Answer({"items": []})


@pytest.fixture
def store() -> Iterator[Refusing]:
    vendor = Refusing()
    with vendor.running():
        yield vendor


def settings(**said: object) -> FilesSettings:
    plain = {"kind": "files", "path": "s3://shop/*.csv", "grain": "person", "fields": FIELDS, "region": "eu-west-3"}
    more = {"key_file": "key"} if "key_command" not in said else {}
    whole = {name: value for name, value in {**plain, **more, **said}.items() if value is not None}
    return FilesSettings.model_validate_json(json.dumps(whole), strict=True)


def failure(folder: Path, **said: object) -> PasserelleError:
    source = Files("crm", settings(**said), folder=folder)
    with pytest.raises(PasserelleError) as failed:
        list(source.pull(source.resources[0], None, Context(now=1)))
    assert "anary" not in repr((failed.value, failed.value.advice, failed.value.__cause__, failed.value.__context__))
    return failed.value


def key(folder: Path, content: object = KEY) -> None:
    (folder / "key").write_text(json.dumps(content), encoding="utf-8")
    (folder / "key").chmod(0o600)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("shop/*.csv", ["a.csv", "b.csv"]),
        ("shop/a.csv", ["a.csv"]),
        ("shop/[bc].*", ["b.csv", "c.json"]),
        ("shop/.*.csv", [".d.csv"]),
        ("shop/2026/*.csv", ["2026/e.csv"]),
        ("shop/*/e.csv", ["2026/e.csv"]),
        ("shop/**/*.csv", ["2026/11/f.csv", "2026/e.csv", "a.csv", "b.csv"]),
        ("shop/2026/**", ["2026/11/f.csv", "2026/e.csv"]),
        ("shop/none*.csv", []),
        ("shop/none/*.csv", []),
        ("shop/none.csv", []),
    ],
)
def test_a_pattern_means_in_a_bucket_what_it_means_on_disk(tmp_path: Path, pattern: str, found: list[str]) -> None:
    for name in HELD:
        (tmp_path / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "shop" / name).touch()
    bucket = Bucket(SubTreeFileSystem(str(tmp_path), LocalFileSystem()))
    assert list(bucket.matching(f"s3://{pattern}")) == [f"s3://shop/{name}" for name in found]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"key_file": None}, "either `key_file` or `key_command`"),
        ({"key_file": "key", "key_command": ["true"]}, "either `key_file` or `key_command`"),
        ({"region": None}, "In which region"),
        ({"path": "data/*.csv", "key_file": None}, "`region` is for files in a bucket"),
        ({"path": "https://shop.example.org/a.csv", "key_file": None}, "on this machine, or in a bucket"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        settings(**said)


def test_a_key_that_is_none_is_told_of_without_showing_it(tmp_path: Path) -> None:
    for content in ("canary", {"AccessKeyId": "canary"}, {**KEY, "SecretAccessKey": 7}):
        key(tmp_path, content)
        assert failure(tmp_path).message.startswith("The key for S3 is no JSON")


@pytest.mark.parametrize("endpoint", ["http://s3.example.org", "https://127.0.0.1:9", "https://[::1]:9"])
def test_an_endpoint_inside_the_house_or_in_clear_is_to_be_allowed(tmp_path: Path, endpoint: str) -> None:
    key(tmp_path)
    assert failure(tmp_path, endpoint=endpoint).exit_code == 2


def test_a_wrong_key_is_a_mistake_and_trouble_over_there_is_for_later(tmp_path: Path, store: Refusing) -> None:
    key(tmp_path)
    assert failure(tmp_path, endpoint=store.url, allow_private=True).exit_code == 2
    google = {"path": "gs://shop/*.csv", "region": None, "key_command": ["echo", "canary"]}
    assert failure(tmp_path, endpoint=store.url, allow_private=True, **google).exit_code == 2
    assert all("anary" not in asked.path + repr(asked.query) for asked in store.asked)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation: canary", DefinitionError),
        ("AWS Error SIGNATURE_DOES_NOT_MATCH during HeadObject operation: canary", DefinitionError),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: canary", DefinitionError),
        ("AWS Error NETWORK_CONNECTION during ListObjectsV2 operation: curlCode: 7, canary", TryLater),
        ("AWS Error SLOW_DOWN during ListObjectsV2 operation: canary", TryLater),
        ("google::cloud::Status(UNAVAILABLE: Retry policy exhausted, canary", TryLater),
    ],
)
def test_what_the_clients_say_becomes_ours(said: str, kind: type[PasserelleError]) -> None:
    with pytest.raises(kind) as failed, reading("s3://shop/a.csv"):
        raise OSError(said)
    assert "canary" not in repr((failed.value, failed.value.advice))
    assert failed.value.__suppress_context__


def test_a_service_account_is_exchanged_for_a_token_that_may_only_read(tmp_path: Path, store: Refusing) -> None:
    store.status = 200
    key(tmp_path, service_account())
    said = {"path": "gs://shop/*.csv", "region": None, "endpoint": store.url, "allow_private": True}
    assert "No file matches" in failure(tmp_path, **said).message
    exchange, listing = store.asked[0], store.asked[1]
    assert exchange.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert listing.headers["authorization"] == "Bearer a-token"
