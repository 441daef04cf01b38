"""The lake: pseudonymous tables in Parquet, that readers scan as plain files.

Writing has two steps. `stage` puts a page's rows beside the table, durable and unseen; `settle` makes what is staged
part of the table: newest wins, tombstones remove, and for person tables one row per person. Each step ends with one
atomic rename of the table's manifest, so a process that dies leaves the state before or after, never between.
"""

from passerelle.workflows.lake.lake import Lake
from passerelle.workflows.lake.manifest import TableShape
from passerelle.workflows.lake.tables import LakeTable

__all__ = ["Lake", "LakeTable", "TableShape"]
