"""Phase 2: masses localized on the preprocessed breast by two paths, fused."""

from mammoscope.detection.detector import OnnxDetector, find_detector
from mammoscope.detection.protocol import DETECTORS, Detector, SecondLook
from mammoscope.detection.second_look import OnnxSecondLook, find_second_look, is_usual

__all__ = [
    "DETECTORS",
    "Detector",
    "OnnxDetector",
    "OnnxSecondLook",
    "SecondLook",
    "find_detector",
    "find_second_look",
    "is_usual",
]
