"""Phase 2: masses localized on the preprocessed breast."""

from mammoscope.detection.detector import WholeImageDetector

__all__ = ["WholeImageDetector"]
