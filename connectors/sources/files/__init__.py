"""Source `files`: CSV, JSON Lines and Parquet, plain or gzipped, on this machine's disks or in a bucket."""

from passerelle.connectors.sources.files.settings import FilesSettings
from passerelle.connectors.sources.files.source import Files

__all__ = ["Files", "FilesSettings"]
