"""The one annotation table that every adapter gives and all training and evaluation takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.geometry import as_boxes
from mammoscope.tables import Row
from mammoscope.types import Mammogram


@dataclass(frozen=True)
class AnnotatedImage:
    """One image and the lesions marked on it. Unknown stays None.

    Parameters
    ----------
    path
        The image file.
    patient_id
        Splits go by it.
    boxes
        (N, 4) float64 xyxy in pixels of the file.
    labels
        ``"benign"``, ``"malignant"`` or None for each box.
    true_size
        (rows, columns) that give the breast its true proportions, where the file was stretched.
    density, subtlety
        Breast density 1 to 4 and subtlety 1 (subtle) to 5 (obvious).
    """

    path: Path
    patient_id: str
    boxes: NDArray[np.float64]
    labels: tuple[str | None, ...]
    laterality: str | None = None
    view: str | None = None
    true_size: tuple[int, int] | None = None
    density: int | None = None
    subtlety: int | None = None

    def read(self) -> Mammogram:
        """The image in its true proportions; its frame leads back to the file's pixels."""
        from mammoscope.reading import read

        mammogram = read(self.path)
        return mammogram.resize(*self.true_size) if self.true_size else mammogram


def lesions(
    rows: Iterable[Row], label_column: str
) -> tuple[NDArray[np.float64], tuple[str | None, ...]]:
    """Boxes (N, 4) and labels of the rows of one image; a row with an empty box is no lesion.

    Raises
    ------
    TableError
        If a box is not four numbers with an area.
    """
    marked = [(box, row.text(label_column) or None) for row in rows if (box := row.box())]
    return as_boxes([box for box, _ in marked]), tuple(label for _, label in marked)


def split_by_patient(
    images: tuple[AnnotatedImage, ...], held_out: float, seed: int
) -> tuple[tuple[AnnotatedImage, ...], tuple[AnnotatedImage, ...]]:
    """Images for training and held-out images, no patient in both.

    Parameters
    ----------
    held_out
        Share of the patients, drawn at random by ``seed``.
    """
    patients = sorted({image.patient_id for image in images})
    order = np.random.default_rng(seed).permutation(len(patients))
    chosen = {patients[i] for i in order[: round(held_out * len(patients))]}
    return (
        tuple(i for i in images if i.patient_id not in chosen),
        tuple(i for i in images if i.patient_id in chosen),
    )
