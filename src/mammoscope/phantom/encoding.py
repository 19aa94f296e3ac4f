"""How grey values become the stored values of a DICOM object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import MammoscopeError
from mammoscope.phantom.model import WHITE_ATTENUATION
from mammoscope.types import Pixels

Stored = NDArray[np.uint16]

_WINDOW_SHARE = 0.8
"""Share of the stored range that the linear window spans: without the window the image is flat."""

_SIGMOID_FLOOR = 0.01
"""Darkest grey of a SIGMOID rendering: the function reaches 0 and 1 only at infinity."""

_LUT_EXPONENT = 0.6

_AIR_SHARE = 0.9
"""Share of the stored range that unattenuated beam reaches in For Processing images."""


@dataclass(frozen=True)
class DicomEncoding:
    """One of the ways in which systems store a mammogram.

    Parameters
    ----------
    intent
        Presentation Intent Type: ``"presentation"`` or ``"processing"``.
    photometric
        ``"MONOCHROME2"`` or ``"MONOCHROME1"``. For Processing, MONOCHROME1 values are linear in the
        exposure and air is highest (Pixel Intensity Relationship LIN, Sign 1); MONOCHROME2 values
        follow the logarithm of the exposure and air is lowest (LOG, Sign -1).
    bits_stored
        10 to 16.
    voi
        ``"linear"`` window, ``"sigmoid"`` window or ``"lut"`` for a VOI LUT Sequence; None for For
        Processing, which has none.

    Raises
    ------
    MammoscopeError
        If a value is another, or intent and VOI do not go together.
    """

    intent: Literal["presentation", "processing"] = "presentation"
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2"
    bits_stored: int = 12
    voi: Literal["linear", "sigmoid", "lut"] | None = "linear"

    def __post_init__(self) -> None:
        if self.intent not in ("presentation", "processing"):
            raise MammoscopeError(f"no presentation intent {self.intent!r}")
        if self.photometric not in ("MONOCHROME1", "MONOCHROME2"):
            raise MammoscopeError(f"no photometric interpretation {self.photometric!r}")
        if not 10 <= self.bits_stored <= 16:
            raise MammoscopeError(f"bits_stored must lie in 10 to 16, got {self.bits_stored}")
        allowed = (None,) if self.intent == "processing" else ("linear", "sigmoid", "lut")
        if self.voi not in allowed:
            raise MammoscopeError(f"VOI {self.voi!r} does not go with For {self.intent.title()}")

    @property
    def highest(self) -> int:
        """The highest value that can be stored."""
        return int(2**self.bits_stored - 1)

    @property
    def inverted(self) -> bool:
        """Whether low values are shown bright."""
        return self.photometric == "MONOCHROME1"


ENCODINGS: dict[str, DicomEncoding] = {
    "linear": DicomEncoding(),
    "sigmoid": DicomEncoding(photometric="MONOCHROME1", bits_stored=14, voi="sigmoid"),
    "lut": DicomEncoding(bits_stored=10, voi="lut"),
    "processing": DicomEncoding("processing", "MONOCHROME1", 16, None),
}
"""Encodings by the names that the command line knows; between them they cover every step."""


def store(pixels: Pixels, encoding: DicomEncoding) -> Stored:
    """Values to store, uint16, such that rendering them as DICOM says gives ``pixels`` again.

    For Processing images have no rendering of their own: theirs is the exposure at the detector,
    exp(-WHITE_ATTENUATION * pixels) of that in air, or its logarithm.
    """
    if encoding.intent == "processing":
        shown = np.exp(-WHITE_ATTENUATION * pixels) if encoding.inverted else pixels
        values = _AIR_SHARE * encoding.highest * shown
    else:
        # MONOCHROME1 is inverted after the VOI stage (PS3.4 N.2.1), so the VOI stage gives 1 - p.
        values = _before_voi(1 - pixels if encoding.inverted else pixels, encoding)
    return np.clip(np.rint(values), 0, encoding.highest).astype(np.uint16)


def window(encoding: DicomEncoding) -> tuple[int, int]:
    """Window Center and Window Width of a linear or SIGMOID encoding."""
    share = _WINDOW_SHARE if encoding.voi == "linear" else 2 / _logit(1 - _SIGMOID_FLOOR)
    return (encoding.highest + 1) // 2, round(share * encoding.highest)


def lut(encoding: DicomEncoding) -> Stored:
    """VOI LUT of 16-bit entries, one for every value that can be stored."""
    share = np.arange(encoding.highest + 1) / encoding.highest
    return np.rint(65535 * share**_LUT_EXPONENT).astype(np.uint16)


def _before_voi(shown: Pixels, encoding: DicomEncoding) -> NDArray[np.floating]:
    """The inverse of the VOI stage, PS3.3 C.11.2."""
    if encoding.voi == "lut":
        return encoding.highest * shown ** (1 / _LUT_EXPONENT)
    center, width = window(encoding)
    if encoding.voi == "linear":
        return (shown - 0.5) * (width - 1) + center - 0.5
    inner = np.clip(shown, _SIGMOID_FLOOR, 1 - _SIGMOID_FLOOR)
    return center + width / 4 * np.log(inner / (1 - inner))


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
