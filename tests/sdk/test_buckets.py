"""Files in buckets, read from stand-ins for S3 and Google Cloud Storage by Arrow's own clients."""

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyarrow.fs import FileSystem, GcsFileSystem, S3FileSystem

from passerelle.connectors.contract.conformance import conformance
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.sources.files import Files, FilesSettings
from passerelle.connectors.sources.files.consents import ConsentFiles, ConsentFilesSettings
from passerelle.connectors.sources.files.located import Located
from passerelle.privacy.errors import DefinitionError, TryLater
from tests.connectors.sources.worlds import FIELDS, FilesWorld, files_settings
from tests.sdk.install import Unavailable, interpreter
from tests.sdk.stores import google, moto

pytestmark = [pytest.mark.sdk, pytest.mark.xdist_group("sdk")]
NOW = 1_795_219_200_000_000
KEY = {"AccessKeyId": "a", "SecretAccessKey": "b"}
URLS: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def stores() -> Iterator[None]:
    try:
        python = interpreter()
    except Unavailable as problem:
        pytest.skip(str(problem))
    with moto(python) as s3, google(python) as gs:
        URLS.update(s3=s3, gs=gs)
        yield


def system(scheme: str) -> FileSystem:
    """A client that may write."""
    host = URLS[scheme].removeprefix("http://")
    if scheme == "gs":
        ends = datetime.now(UTC) + timedelta(hours=1)
        return GcsFileSystem(access_token="t", credential_token_expiration=ends, scheme="http", endpoint_override=host)
    made = S3FileSystem(
        access_key="a",
        secret_key="b",
        region="eu-west-3",
        scheme="http",
        endpoint_override=host,
        allow_bucket_creation=True,
    )
    made.create_dir("shop")
    return made


def write(scheme: str, path: str, content: bytes) -> None:
    with system(scheme).open_output_stream(f"shop/{path}", compression=None) as stream:
        stream.write(content)


def source(folder: Path, scheme: str, pattern: str, *, bucket: str = "shop", endpoint: str = "") -> Files:
    return Files("crm", settings(folder, scheme, pattern, bucket=bucket, endpoint=endpoint), folder=folder)


def settings(folder: Path, scheme: str, pattern: str, *, bucket: str = "shop", endpoint: str = "") -> FilesSettings:
    said: dict[str, Any] = {"endpoint": endpoint or URLS[scheme], "allow_private": True}
    if scheme == "s3":
        (folder / "key").write_text(json.dumps(KEY), encoding="utf-8")
        (folder / "key").chmod(0o600)
        said |= {"key_file": "key", "region": "eu-west-3"}
    else:
        said |= {"key_command": ["echo", "t"]}
    return files_settings(f"{scheme}://{bucket}/{pattern}", **said)


class BucketWorld(FilesWorld):
    """The same export, put into a bucket. Each is longer than the one before: a bucket's times are of whole seconds."""

    lacks: ClassVar[Mapping[str, str]] = {
        **FilesWorld.lacks,
        "a_row_that_moves_during_a_pull_is_not_missed": "an object that is replaced ends the pull; see below",
    }

    def __init__(self, folder: Path, scheme: str, ending: str) -> None:
        super().__init__(folder, ending=ending)
        self._scheme = scheme
        self._key = f"{folder.name}/people.{ending}"
        self._blank = b""
        self.source = source(folder, scheme, self._key)

    def _write(self) -> None:
        super()._write()
        self._blank += b"\n"
        more = gzip.compress(self._blank) if self.path.suffix == ".gz" else self._blank
        write(self._scheme, self._key, self.path.read_bytes() + more)


test_csv_on_s3 = conformance(lambda folder: BucketWorld(folder, "s3", "csv"))
test_json_lines_on_google = conformance(lambda folder: BucketWorld(folder, "gs", "jsonl.gz"))


def pages(files: Files, state: State | None = None, page_rows: int = 1000) -> Iterator[Page]:
    return files.pull(files.resources[0], state, Context(now=NOW, page_rows=page_rows))


def lines(*numbers: int, tier: str = "or") -> bytes:
    plain = ("", tier, "1", "", "", "2026-11-01T00:00:00Z", "non")
    rows = [";".join((f"C{number}", *plain)) for number in numbers]
    return "\n".join([";".join(FIELDS), *rows, ""]).encode()


def keys(found: list[Page]) -> list[str]:
    return [key for page in found for key in page.rows["customer_id"].to_pylist()]


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_only_new_and_changed_objects_are_read_and_each_says_where_it_stands(tmp_path: Path, scheme: str) -> None:
    folder = f"{tmp_path.name}/exports"
    write(scheme, f"{folder}/a.csv", lines(1, 2))
    write(scheme, f"{folder}/2026/b.csv.gz", gzip.compress(lines(3) + b"too;few\n"))
    write(scheme, f"{folder}/notes.txt", b"nothing")
    files = source(tmp_path, scheme, f"{folder}/**/*.csv*")
    first = list(pages(files))
    assert sorted(keys(first)) == ["C1", "C2", "C3"]
    places = [row["place"] for page in first for row in page.quarantined.to_pylist()]
    assert places == [f"{scheme}://shop/{folder}/2026/b.csv.gz:3"]
    assert keys(list(pages(files, first[-1].state))) == []
    write(scheme, f"{folder}/2026/c.csv", lines(4))
    write(scheme, f"{folder}/a.csv", lines(1, 2, 5))
    second = list(pages(files, first[-1].state))
    assert sorted(keys(second)) == ["C1", "C2", "C4", "C5"]
    system(scheme).delete_file(f"shop/{folder}/a.csv")
    (gone,) = list(pages(files, second[-1].state))
    assert gone.warnings == (f"{scheme}://shop/{folder}/a.csv is gone; its records stay.",)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_an_object_that_is_replaced_while_it_is_read_gives_nothing_half_old(tmp_path: Path, scheme: str) -> None:
    path = f"{tmp_path.name}/a.csv"
    write(scheme, path, lines(*range(10)))
    files = source(tmp_path, scheme, path)
    reading = pages(files, page_rows=3)
    first = next(reading)
    write(scheme, path, lines(*range(10), tier="argent"))
    with pytest.raises(TryLater, match=r"a\.csv changed while it was read"):
        next(reading)
    again = list(pages(files, first.state, page_rows=3))
    assert len(keys(again)) == 10
    assert {tier for page in again for tier in page.rows["loyalty"].to_pylist()} == {"argent"}


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_exports_of_consents_are_read_from_a_bucket_too(tmp_path: Path, scheme: str) -> None:
    path = f"{tmp_path.name}/receipts.jsonl.gz"
    mapping = {
        "signal": "records",
        "who": {"email": "who"},
        "statements": [{"purpose": "email_marketing", "state": {"key": "news", "given": ["yes"]}}],
    }
    said = settings(tmp_path, scheme, path).model_dump(mode="json", exclude_unset=True)
    located = {name: said[name] for name in Located.model_fields if name in said}
    plain = {"kind": "consent_files", **located, "signal": "records", "mapping": mapping}
    exports = ConsentFiles(
        "cmp", ConsentFilesSettings.model_validate_json(json.dumps(plain), strict=True), folder=tmp_path
    )

    def pulled(state: State | None = None, page_rows: int = 1000) -> Iterator[Page]:
        return exports.pull(exports.resources[0], state, Context(now=NOW, page_rows=page_rows))

    write(scheme, path, gzip.compress(b'{"who": "a@example.org", "news": "yes"}\n' * 5))
    reading = pulled(page_rows=2)
    first = next(reading)
    assert first.rows.num_rows == 2
    write(scheme, path, gzip.compress(b'{"who": "b@example.org", "news": "yes"}\n' * 5))
    with pytest.raises(TryLater, match=r"receipts\.jsonl\.gz changed while it was read"):
        next(reading)
    again = list(pulled(first.state))
    assert sum(page.rows.num_rows for page in again) == 5
    assert [page.rows.num_rows for page in pulled(again[-1].state)] == [0]


def test_a_bucket_that_is_not_there_is_a_mistake_and_a_store_that_is_down_is_for_later(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No file matches"):
        list(pages(source(tmp_path, "s3", "*.csv", bucket="nobodys")))
    with pytest.raises(TryLater, match="NETWORK_CONNECTION"):
        list(pages(source(tmp_path, "s3", "*.csv", endpoint="http://127.0.0.1:9")))


def test_an_object_that_was_replaced_within_the_second_of_its_reading_is_found(tmp_path: Path) -> None:
    path = f"{tmp_path.name}/a.csv"
    files = source(tmp_path, "s3", path)
    for _ in range(20):  # until all of it falls into one second
        write("s3", path, lines(1))
        stamp = system("s3").get_file_info(f"shop/{path}").mtime_ns
        first = list(files.pull(files.resources[0], None, Context(now=stamp // 1000)))
        write("s3", path, lines(2))
        if system("s3").get_file_info(f"shop/{path}").mtime_ns == stamp:
            break
    else:
        raise AssertionError("this machine is too slow to tell")
    assert keys(list(files.pull(files.resources[0], first[-1].state, Context(now=stamp // 1000 + 1)))) == ["C2"]
