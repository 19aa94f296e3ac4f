"""The values that flow through the pipeline. All are frozen: a stage returns new ones."""

from mammoscope.types.density import DENSITIES, Density
from mammoscope.types.findings import (
    KINDS,
    Detections,
    Evidence,
    Explanation,
    Feature,
    LookAlike,
    NippleLine,
    Point,
)
from mammoscope.types.image import Mammogram, Mask, Pixels
from mammoscope.types.result import ImageResult, ModelUse, Pictures, Preview
from mammoscope.types.source import DicomFacts, GreyScale, GreyTable, SourceFacts

__all__ = [
    "DENSITIES",
    "KINDS",
    "Density",
    "Detections",
    "DicomFacts",
    "Evidence",
    "Explanation",
    "Feature",
    "GreyScale",
    "GreyTable",
    "ImageResult",
    "LookAlike",
    "Mammogram",
    "Mask",
    "ModelUse",
    "NippleLine",
    "Pictures",
    "Pixels",
    "Point",
    "Preview",
    "SourceFacts",
]
