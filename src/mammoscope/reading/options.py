"""What a user may choose about reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mammoscope.reading.named import OFF, check_pattern

Voi = Literal["auto", "lut", "window", "none"]
Polarity = Literal["auto", "keep", "invert"]

MOST_PIXELS = 60_000_000
"""Twice the largest mammograms: 24 x 30 cm at 0.05 mm are 29 million pixels."""


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Parameters
    ----------
    voi
        Which grey-scale transformation of the file to apply: ``"auto"`` takes its first VOI LUT,
        else its first window; ``"lut"`` and ``"window"`` only that kind; ``"none"`` maps the
        whole range of the bits stored. DICOM PS3.3 C.11.2.
    any_modality
        Read other modalities than MG too, and images of MG that are no plain mammograms, such as
        slices of tomosynthesis; each gets a warning that names it. Lifts no other refusal.
    polarity
        ``"auto"`` lets the air around the breast decide where tags contradict each other on what
        is bright, and otherwise only warns of a negative; ``"keep"`` follows the tags;
        ``"invert"`` turns bright and dark round.
    names
        ``"off"``, ``"auto"`` or a pattern: what file names say of side, view, patient and study
        where nothing else does; see :func:`mammoscope.reading.named.facts_in_name`.
    max_pixels
        Larger images are refused before they are decoded.

    Raises
    ------
    ValueError
        If ``voi``, ``polarity`` or ``names`` is none of its words, or ``max_pixels`` is not
        positive.

    Examples
    --------
    >>> mammoscope.read("left_mlo.dcm", ReadOptions(voi="none")).pixels.dtype
    dtype('float32')
    """

    voi: Voi = "auto"
    any_modality: bool = False
    polarity: Polarity = "auto"
    names: str = OFF
    max_pixels: int = MOST_PIXELS

    def __post_init__(self) -> None:
        if self.voi not in ("auto", "lut", "window", "none"):
            raise ValueError(f"voi must be auto, lut, window or none, got {self.voi!r}")
        if self.polarity not in ("auto", "keep", "invert"):
            raise ValueError(f"polarity must be auto, keep or invert, got {self.polarity!r}")
        check_pattern(self.names)
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels must be positive, got {self.max_pixels}")
