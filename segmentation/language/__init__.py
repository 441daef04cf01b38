"""The words of model.yaml and segments/*.yaml, as strict and closed pydantic models."""

from passerelle.segmentation.language.documents import ModelFile, SegmentFile

__all__ = ["ModelFile", "SegmentFile"]
