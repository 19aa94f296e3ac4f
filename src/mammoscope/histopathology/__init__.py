"""Breast histopathology: fields of stained sections, benign or malignant."""

from mammoscope.histopathology.classifier import TissueClassifier, TissueOpinion
from mammoscope.histopathology.domain import why_not_stained
from mammoscope.histopathology.heat import heat_picture, write_heat
from mammoscope.histopathology.pixels import read_rgb
from mammoscope.histopathology.tissue import TissueImage, TissueSet, load_tissue

__all__ = [
    "TissueClassifier",
    "TissueImage",
    "TissueOpinion",
    "TissueSet",
    "heat_picture",
    "load_tissue",
    "read_rgb",
    "why_not_stained",
    "write_heat",
]
