"""What a user may choose about reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Voi = Literal["auto", "lut", "window", "none"]


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
        Read other modalities than MG too. Lifts no other refusal.
    max_pixels
        Larger images are refused before they are decoded.

    Raises
    ------
    ValueError
        If ``voi`` is none of the four or ``max_pixels`` is not positive.
    """

    voi: Voi = "auto"
    any_modality: bool = False
    max_pixels: int = 200_000_000

    def __post_init__(self) -> None:
        if self.voi not in ("auto", "lut", "window", "none"):
            raise ValueError(f"voi must be auto, lut, window or none, got {self.voi!r}")
        if self.max_pixels < 1:
            raise ValueError(f"max_pixels must be positive, got {self.max_pixels}")
