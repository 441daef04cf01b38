"""What is expected of the data that was pulled, and what is repaired of it, on the lake's columns."""

from passerelle.segmentation.quality.expected import Finding, judge
from passerelle.segmentation.quality.file import QualityFile, TableRules
from passerelle.segmentation.quality.measure import Measured, Subject, measure
from passerelle.segmentation.quality.repair import added_columns, repaired

__all__ = [
    "Finding",
    "Measured",
    "QualityFile",
    "Subject",
    "TableRules",
    "added_columns",
    "judge",
    "measure",
    "repaired",
]
