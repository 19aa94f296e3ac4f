"""Synthetic mammograms with their truth, for tests and the demonstration. No patient is in them."""

from __future__ import annotations

from mammoscope.phantom.dicom import to_dataset, write_dicom
from mammoscope.phantom.encoding import ENCODINGS, DicomEncoding
from mammoscope.phantom.model import FilmOptions, Phantom, PhantomOptions
from mammoscope.phantom.study import StudyOptions, WrittenStudies, write_png, write_studies
from mammoscope.phantom.synthesis import make_phantom, on_film

__all__ = [
    "ENCODINGS",
    "DicomEncoding",
    "FilmOptions",
    "Phantom",
    "PhantomOptions",
    "StudyOptions",
    "WrittenStudies",
    "make_phantom",
    "on_film",
    "to_dataset",
    "write_dicom",
    "write_png",
    "write_studies",
]
