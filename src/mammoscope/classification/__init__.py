"""Phase 3: regions of interest, benign or malignant."""

from mammoscope.classification.classifier import Classifier
from mammoscope.classification.explanation import explain
from mammoscope.classification.linking import Link, link

__all__ = ["Classifier", "Link", "explain", "link"]
