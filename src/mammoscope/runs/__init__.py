"""Runs over many files, with everything they leave behind."""

from mammoscope.runs.detection import DetectionRun, run_detection
from mammoscope.runs.preparation import PreparationOptions, run_preparation
from mammoscope.runs.regions import ClassificationRun, run_classification

__all__ = [
    "ClassificationRun",
    "DetectionRun",
    "PreparationOptions",
    "run_classification",
    "run_detection",
    "run_preparation",
]
