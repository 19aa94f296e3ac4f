"""Runs over many files, with everything they leave behind."""

from mammoscope.runs.detection import DetectionRun, run_detection
from mammoscope.runs.preparation import PreparationOptions, run_preparation

__all__ = ["DetectionRun", "PreparationOptions", "run_detection", "run_preparation"]
