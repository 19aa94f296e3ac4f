"""Phase 2: masses localized on the preprocessed breast by two paths, fused."""

from mammoscope.detection.detector import Detector

__all__ = ["Detector"]
