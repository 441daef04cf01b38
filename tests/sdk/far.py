"""Workspaces whose lake lies in a bucket of a stand-in for S3."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from passerelle.connectors.s3 import Bucket, Key
from passerelle.workflows.pull import Seams
from tests.workflows.pulls import Shop, contact

KEY = Key("a", "b")
REGION = "eu-west-3"


def made(store: str, name: str, *, versions: bool) -> Bucket:
    found = Bucket.open(name, REGION, KEY, urlsplit(store))
    found.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versions:
        found.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return found


def shop(folder: Path, bucket: Bucket, endpoint: str) -> Shop:
    folder.mkdir()
    found = Shop(folder)
    in_bucket(found.folder, bucket, endpoint)
    found.close()
    return found


def in_bucket(folder: Path, bucket: Bucket, endpoint: str, **more: object) -> None:
    (folder / "secrets").mkdir(exist_ok=True)
    key = folder / "secrets/lake.json"
    key.write_text(json.dumps({"AccessKeyId": KEY.id, "SecretAccessKey": KEY.secret}), encoding="utf-8")
    key.chmod(0o600)
    path = folder / "passerelle.yaml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    said = {"path": f"s3://{bucket.name}/shop", "region": REGION, "key_file": "secrets/lake.json"}
    project["lake"] = {**said, "endpoint": endpoint, "allow_private": True, **more}
    path.write_text(yaml.safe_dump(project, allow_unicode=True), encoding="utf-8")


def earlier(found: Shop) -> None:
    found.contacts([contact(number) for number in range(4)])
    found.orders((1, "C1", "2026-11-01T00:00:00Z", "12.50"))
    found.pull()


def later(found: Shop, seams: Seams | None = None) -> None:
    changed = [contact(number, tier="new", updated_at="2026-11-10T00:00:00Z") for number in (1, 2, 5)]
    found.contacts([*changed, contact(3, gone="1", updated_at="2026-11-11T00:00:00Z")])
    found.pull("crm", seams=seams)


def everything(bucket: Bucket) -> list[bytes]:
    """Every byte that the bucket has, in whatever version."""
    found = bucket.client.list_object_versions(Bucket=bucket.name).get("Versions", [])
    ids = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
    return [bucket.client.get_object(Bucket=bucket.name, **one)["Body"].read() for one in ids]
