"""Runs over many files, with everything they leave behind."""

from mammoscope.runs.coming import add_to_run, results_so_far
from mammoscope.runs.detection import DetectionRun, Going, run_detection
from mammoscope.runs.dicom_objects import DicomObjects
from mammoscope.runs.examination import (
    Examination,
    ExaminedImage,
    Output,
    Remarks,
    run_examination,
)
from mammoscope.runs.folder import run_folder
from mammoscope.runs.outputs import OUTPUTS, STANDARD, Outputs, make_outputs
from mammoscope.runs.preparation import PreparationOptions, run_preparation
from mammoscope.runs.regions import ClassificationRun, run_classification
from mammoscope.runs.shards import Shard, ShardRun, merge_shards, run_shard

__all__ = [
    "OUTPUTS",
    "STANDARD",
    "ClassificationRun",
    "DetectionRun",
    "DicomObjects",
    "Examination",
    "ExaminedImage",
    "Going",
    "Output",
    "Outputs",
    "PreparationOptions",
    "Remarks",
    "Shard",
    "ShardRun",
    "add_to_run",
    "make_outputs",
    "merge_shards",
    "results_so_far",
    "run_classification",
    "run_detection",
    "run_examination",
    "run_folder",
    "run_preparation",
    "run_shard",
]
