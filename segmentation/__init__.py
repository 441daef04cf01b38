"""Rules that choose people, compiled to Ibis."""

from passerelle.segmentation.language.documents import ModelFile, SegmentFile

__all__ = ["ModelFile", "SegmentFile"]
