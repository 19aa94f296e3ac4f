"""Phase 1: from a mammogram as it was read to the breast alone."""

from mammoscope.preprocessing.intensity import to_uint16
from mammoscope.preprocessing.nipple import nipple_line
from mammoscope.preprocessing.phase import (
    Preprocessed,
    PreprocessOptions,
    preprocess,
    preprocess_each,
)
from mammoscope.preprocessing.region import Region

__all__ = [
    "PreprocessOptions",
    "Preprocessed",
    "Region",
    "nipple_line",
    "preprocess",
    "preprocess_each",
    "to_uint16",
]
