"""Which kinds of object there are and where they go; known without highdicom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from mammoscope.errors import MissingExtra
from mammoscope.plugins import Socket


@dataclass(frozen=True)
class DicomKind:
    """A kind of object made of results.

    Parameters
    ----------
    of
        ``"study"``: one object a study. ``"image"``: one an image that was examined.
    make
        Gives an object of highdicom's ``SOPClass``, from a
        :class:`~mammoscope.dicom_results.study.Study`; of an image from its study, the
        :class:`~mammoscope.dicom_results.study.StudyImage` and what gives its overlay as PNG when
        it is called, or None where there is nothing to say.
    overlay
        Whether the overlay is asked for.
    """

    of: Literal["study", "image"]
    make: Callable[..., Any]
    overlay: bool = False


def _later(name: str) -> Callable[..., Any]:
    """The function of the module of its name, which is imported when it is first called."""

    def make(*arguments: Any) -> Any:
        return getattr(import_module(f"mammoscope.dicom_results.{name}"), name)(*arguments)

    return make


_OWN = {
    "sr": DicomKind("study", _later("cad_sr")),
    "sr1500": DicomKind("study", _later("measurement_report")),
    "gsps": DicomKind("image", _later("presentation_state")),
    "sc": DicomKind("image", _later("secondary_capture"), overlay=True),
}

KINDS: Socket[DicomKind] = Socket(
    "mammoscope.dicom", _OWN, lambda found: isinstance(found, DicomKind)
)
"""Mammography CAD SR and Comprehensive SR with TID 1500, of studies; presentation state and
secondary capture, of images; and those that other packages add."""

OWN = tuple(_OWN)

FOLDER = "dicom"
"""Folder of the objects within that of a run's results."""


def image_suffixes(kinds: Sequence[str]) -> tuple[str, ...]:
    """Ends of the names of the objects of an image: of all our kinds, and of those asked for."""
    return _suffixes(kinds, "image")


def study_suffixes(kinds: Sequence[str]) -> tuple[str, ...]:
    """Ends of the names of the objects of a study, as above."""
    return _suffixes(kinds, "study")


def _suffixes(kinds: Sequence[str], of: str) -> tuple[str, ...]:
    return tuple(f".{kind}.dcm" for kind in dict.fromkeys((*OWN, *kinds)) if KINDS[kind].of == of)


def need_extra() -> None:
    """Say that highdicom is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If it cannot be imported.
    """
    if find_spec("highdicom") is None:
        raise MissingExtra("DICOM results", "dicom")
