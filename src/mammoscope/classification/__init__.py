"""Phase 3: regions of interest, benign or malignant."""

from mammoscope.classification.classifier import Classifier

__all__ = ["Classifier"]
