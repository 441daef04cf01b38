"""How the lake's bucket stands, for `doctor`."""

from contextlib import closing
from typing import TYPE_CHECKING, Literal

from passerelle.workflows.lake.opened import bucket_of

if TYPE_CHECKING:
    from passerelle.connectors.s3 import Bucket
    from passerelle.workflows.settings.lake import BucketLake
    from passerelle.workflows.workspace import Workspace

Said = tuple[str, Literal["ok", "warning", "failed"], str, str]
"""What was looked at, how it stands, in a sentence, and what to do."""

_PROBE = ".passerelle-probe"
"""An object that is never there: a write that asks for it cannot succeed."""
_VERSIONS: dict[str, Said] = {
    "on": ("versions", "ok", "The bucket keeps versions; those of what is replaced or erased are destroyed, too.", ""),
    "off": ("versions", "ok", "The bucket keeps no versions: what is deleted is gone.", ""),
    "suspended": (
        "versions",
        "warning",
        "The bucket's versions are suspended.",
        "Turn them on again, or use a bucket that never had any.",
    ),
}


def standing_of(workspace: "Workspace", wanted: "BucketLake") -> list[Said]:
    """Whether the bucket can be read and written, and what its versions mean. Changes nothing."""
    bucket, prefix = bucket_of(workspace, wanted)
    with closing(bucket):
        return _said(bucket, prefix)


def _said(bucket: "Bucket", prefix: str) -> list[Said]:
    found: list[Said] = [
        ("reading", "ok", f"The bucket can be read; {len(bucket.folders(prefix))} tables are in it.", "")
    ]
    if bucket.may_write(f"{prefix}{_PROBE}"):
        found.append(("writing", "ok", "Objects may be written, and only where nobody was faster.", ""))
    else:
        advice = "The key needs the right s3:PutObject; docs/lake.md lists those it needs."
        found.append(("writing", "failed", "Objects may not be written.", advice))
    return [*found, _VERSIONS[bucket.versioning()]]
