"""Phase 2: masses localized on the preprocessed breast by two paths, fused."""

from mammoscope.detection.detector import OnnxDetector, find_detector
from mammoscope.detection.protocol import DETECTORS, Detector

__all__ = ["DETECTORS", "Detector", "OnnxDetector", "find_detector"]
