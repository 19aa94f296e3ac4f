"""Which kinds of object there are and where they go; known without highdicom."""

from __future__ import annotations

from importlib.util import find_spec

from mammoscope.errors import MissingExtra

OF_STUDIES = ("sr", "sr1500")
"""One object a study: Mammography CAD SR, and Comprehensive SR with TID 1500."""

OF_IMAGES = ("gsps", "sc")
"""One object an image: presentation state, and secondary capture."""

KINDS = OF_STUDIES + OF_IMAGES

FOLDER = "dicom"
"""Folder of the objects within that of a run's results."""

IMAGE_SUFFIXES = tuple(f".{kind}.dcm" for kind in OF_IMAGES)
STUDY_SUFFIXES = tuple(f".{kind}.dcm" for kind in OF_STUDIES)


def need_extra() -> None:
    """Say that highdicom is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If it cannot be imported.
    """
    if find_spec("highdicom") is None:
        raise MissingExtra("DICOM results", "dicom")
