"""What a phantom is, and what can be asked of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import GeometryError, MammoscopeError
from mammoscope.phantom.lookalikes import GROUPS
from mammoscope.types import Mask, Pixels

View = Literal["CC", "MLO"]
Laterality = Literal["L", "R"]
MassKind = Literal["round", "spiculated"]

VIEWS: tuple[View, ...] = ("CC", "MLO")
LATERALITIES: tuple[Laterality, ...] = ("R", "L")
LABEL_OF_KIND: dict[MassKind, str] = {"round": "benign", "spiculated": "malignant"}

WHITE_ATTENUATION = 4.0
"""Natural logarithm of the exposure in air over that behind the densest tissue, grey value 1.

Between 1 % and 3 % of the photons cross a dense breast under the plates.
"""

FIELD_HEIGHT_MM = 229.4
"""Height of the field, whatever the number of rows: a small picture is a coarse one."""

MIN_SIDE_PX = 128
"""Below this a mass is a handful of pixels and the label cannot be read."""


@dataclass(frozen=True)
class FilmOptions:
    """What a digitised film shows besides the breast. Each part can be left out.

    Parameters
    ----------
    label
        The view burned into the background, such as ``R MLO``, on a plate or as bare letters.
    border
        Bright strips where the film was not exposed, along the edges of the scan.
    tape
        A strip of tape over a corner of the background.
    dust
        Specks and hair-thin scratches, over the breast too.
    """

    label: bool = True
    border: bool = True
    tape: bool = True
    dust: bool = True


@dataclass(frozen=True)
class PhantomOptions:
    """What to draw. The same options give the same pixels, whatever else is made beside them.

    Parameters
    ----------
    rows, columns
        Size in pixels; the default has pixels of 0.1 mm.
    seed, patient
        Together they choose the patient: both breasts of one are alike in size and density.
    masses
        Number of masses in the breast; both views of a breast show the same ones.
    kinds
        Kinds of mass, in turn from one drawn at random.
    density
        From 0 (fatty) to 1 (dense), or None to draw it with the patient.
    pectoral
        Whether the pectoral muscle shows on MLO views.
    film
        How a digitised film looks, or None for a digital detector.
    lookalikes
        Groups of things that look like masses and are none, names in
        :data:`mammoscope.phantom.lookalikes.GROUPS`; nodes show on MLO views alone.

    Raises
    ------
    GeometryError
        If the size is too small or the number of masses is negative.
    MammoscopeError
        If another value lies outside its range.
    """

    rows: int = 2294
    columns: int = 1914
    seed: int = 0
    patient: int = 1
    masses: int = 1
    kinds: tuple[MassKind, ...] = ("round", "spiculated")
    density: float | None = None
    pectoral: bool = True
    film: FilmOptions | None = None
    lookalikes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < MIN_SIDE_PX:
            raise GeometryError(
                f"a phantom needs {MIN_SIDE_PX} rows and columns, got {self.rows} x {self.columns}"
            )
        if self.masses < 0:
            raise GeometryError(f"the number of masses must not be negative, got {self.masses}")
        if self.seed < 0 or self.patient < 1:
            raise MammoscopeError(
                f"seed must be 0 or more and patient 1 or more, got {self.seed} and {self.patient}"
            )
        if not self.kinds or not set(self.kinds) <= set(LABEL_OF_KIND):
            raise MammoscopeError(f"kinds must be among {list(LABEL_OF_KIND)}, got {self.kinds}")
        if unknown := [name for name in self.lookalikes if name not in GROUPS]:
            raise MammoscopeError(f"no {unknown[0]!r} to draw: choose of {', '.join(GROUPS)}")
        if self.density is not None and not 0 <= self.density <= 1:
            raise MammoscopeError(f"density must lie in [0, 1], got {self.density}")

    @property
    def spacing_mm(self) -> float:
        """Side of a pixel in mm at the detector's plane; pixels are square."""
        return FIELD_HEIGHT_MM / self.rows

    @property
    def field_mm(self) -> tuple[float, float]:
        """(width, height) of the field in mm."""
        return self.columns * self.spacing_mm, FIELD_HEIGHT_MM

    def rng(self, purpose: str, *parts: str) -> np.random.Generator:
        """A generator of its own for one purpose, independent of all others.

        ``parts`` narrows it: nothing for the patient, laterality for a breast, view for an image.
        """
        key = [self.patient, *(int.from_bytes(word.encode(), "big") for word in (purpose, *parts))]
        words = [w for value in key for w in _words(value)]
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=words))


@dataclass(frozen=True)
class Phantom:
    """A synthetic mammogram with its truth.

    Parameters
    ----------
    pixels
        float32 (rows, columns) in [0, 1]; dense tissue is bright.
    breast
        bool (rows, columns): the breast with its pectoral muscle; no label, tape or film border.
    pectoral
        bool (rows, columns), within ``breast``; None where the view shows no muscle.
    boxes
        float64 (N, 4) xyxy in pixels, one for each mass.
    labels
        (N,) ``"benign"`` for a round mass, ``"malignant"`` for a spiculated one.
    laterality, view
        A left breast has its chest wall at the image's left side, a right one at the right.
    spacing_mm
        Side of a pixel in mm.
    options
        What it was made from.
    """

    pixels: Pixels
    breast: Mask
    pectoral: Mask | None
    boxes: NDArray[np.float64]
    labels: NDArray[np.str_]
    laterality: Laterality
    view: View
    spacing_mm: float
    options: PhantomOptions


def _words(value: int) -> list[int]:
    """``value`` in 32-bit words, lowest first, as SeedSequence wants its spawn key."""
    words = [value & 0xFFFFFFFF]
    while value := value >> 32:
        words.append(value & 0xFFFFFFFF)
    return words
