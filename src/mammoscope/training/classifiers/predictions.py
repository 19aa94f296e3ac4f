"""A classifier's predictions of lesions, in their annotated boxes and in detected ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.classification.classifier import OnnxClassifier
from mammoscope.geometry import FloatArray
from mammoscope.tables import BOX_COLUMNS, write_table
from mammoscope.training.classifiers.lesions import Lesion, labels_of, regions_of

WHOSE = ("annotated", "detected")
"""Whose box of a lesion is looked at: the annotation's, or the best detection's if there is one."""


@dataclass(frozen=True)
class LesionPredictions:
    """Boxes of lesions with a classifier's logits.

    Parameters
    ----------
    lesions, box
        (N,) the lesions, and which of its boxes: an index of :data:`WHOSE`.
    logits
        (N,) not calibrated.
    """

    lesions: Sequence[Lesion]
    box: NDArray[np.int64]
    logits: FloatArray

    @classmethod
    def of(cls, classifier: OnnxClassifier, lesions: Sequence[Lesion]) -> LesionPredictions:
        """Of every lesion's annotated box, and of its best detection where it has one."""
        card = classifier.card
        square = (card.side, card.margin) if card.side else None
        parts = []
        for box in range(len(WHOSE)):
            some = [lesion for lesion in lesions if len(lesion.boxes) > box]
            if some:
                logits = classifier.logits(regions_of(some, square, bool(card.features), box))
                parts.append(cls(some, np.full(len(some), box), logits))
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: Iterable[LesionPredictions]) -> LesionPredictions:
        """Several as one, in order."""
        each = list(parts)
        return cls(
            [lesion for part in each for lesion in part.lesions],
            np.concatenate([np.zeros(0, np.int64), *(part.box for part in each)]),
            np.concatenate([np.zeros(0), *(part.logits for part in each)]),
        )

    @property
    def malignant(self) -> NDArray[np.bool_]:
        """(N,) the labels."""
        return labels_of(self.lesions)

    def write(self, folder: Path, p_malignant: FloatArray, names: Mapping[Path, str]) -> None:
        """``annotated.csv``, and ``detected.csv`` if there are any, for ``mammoscope evaluate``."""
        for box, whose in enumerate(WHOSE):
            # One detection may be the best of two lesions; it is one row.
            rows: dict[tuple[object, ...], dict[str, object]] = {}
            for i in np.flatnonzero(self.box == box).tolist():
                lesion = self.lesions[i]
                at = dict(zip(BOX_COLUMNS, lesion.boxes[box].tolist(), strict=True))
                p, logit = round(float(p_malignant[i]), 6), round(float(self.logits[i]), 6)
                facts = {"image": names[lesion.image.path], "patient_id": lesion.image.patient_id}
                row = facts | at | {"p_malignant": p, "logit": logit}
                rows.setdefault((lesion.image.path, *at.values()), row)
            columns = ("image", *BOX_COLUMNS, "p_malignant", "logit", "patient_id")
            if rows:
                write_table(folder / f"{whose}.csv", columns, rows.values())
