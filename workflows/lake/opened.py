"""The storage that `lake:` of passerelle.yaml names."""

from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.workflows.lake.storage import Disk, Storage

if TYPE_CHECKING:
    from passerelle.connectors.s3 import Bucket
    from passerelle.workflows.settings.lake import BucketLake
    from passerelle.workflows.workspace import Workspace

COPIES = "var/lake-copies"
"""Where files of a bucket stand while a run reads them."""


def lake_storage(workspace: "Workspace") -> Storage:
    """The lake's storage; nothing is asked of a bucket yet."""
    wanted = workspace.settings.lake
    if isinstance(wanted, Path):
        return Disk(workspace.private_folder(wanted))
    from passerelle.workflows.lake.bucket import InBucket

    bucket, prefix = bucket_of(workspace, wanted)
    return InBucket(bucket, prefix, workspace.private_folder(COPIES))


def bucket_of(workspace: "Workspace", wanted: "BucketLake") -> "tuple[Bucket, str]":
    """The bucket and the prefix in it. Raises `DefinitionError` where the key is none, or the endpoint not for us."""
    from passerelle.connectors.authentication import from_command, from_file
    from passerelle.connectors.s3 import Bucket, Key, addressed, own_endpoint

    if wanted.key_file is not None:
        secret = from_file(workspace.path(wanted.key_file))
    else:
        secret = from_command(wanted.key_command or (), workspace.folder)
    name, prefix = addressed(wanted.path)
    endpoint = own_endpoint(wanted.endpoint, allow_private=wanted.allow_private)
    return Bucket.open(name, wanted.region, Key.read(secret), endpoint), prefix
