"""A few telling features, and how they are spread over masses known to be benign or malignant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.types import Feature

SCHEMA = "mammoscope/feature-reference/1"

PERCENTS = tuple(range(0, 101, 5))
"""The quantiles that the reference holds."""


@dataclass(frozen=True)
class Telling:
    """A feature in plain words; ``percent`` if it is a share."""

    name: str
    title: str
    meaning: str
    percent: bool = False

    def text(self, value: float) -> str:
        """A value as it is read: ``"34 %"``, ``"−0.34"``."""
        text = f"{100 * value:.0f} %" if self.percent else f"{value:.2f}"
        return text.replace("-", "−")


TELLING = (
    Telling(
        "shape.share",
        "Relative size",
        "square root of the box’s share of the breast’s area",
        True,
    ),
    Telling("shape.compactness", "Roundness", "of the outline; 1 for a disc"),
    Telling("shape.solidity", "Fullness", "of the outline; 1 without a dent"),
    Telling(
        "shape.lines1_near",
        "Spiculation",
        "thin bright lines just outside the outline: 1 if all of them point to the mass, −1 if all"
        " run around it",
    ),
    Telling(
        "shape.gradient_near",
        "Shading",
        "1 if it still grows brighter towards the mass everywhere just outside the outline",
    ),
    Telling("density.mean", "Density", "mean brightness: 0 % the breast’s darkest", True),
    Telling("density.contrast", "Contrast", "brightness less that of the tissue around", True),
)
"""One or two for each thing that radiologists describe: size, shape, margin, density."""


@dataclass(frozen=True)
class Reference:
    """Quantiles of features over masses of known pathology.

    Parameters
    ----------
    source
        Name, licence and address of the data, and which of it.
    masses
        Number of ``"benign"`` and ``"malignant"`` masses.
    quantiles
        By feature and by pathology (21,): the values at :data:`PERCENTS`.
    """

    source: Mapping[str, str]
    masses: Mapping[str, int]
    quantiles: Mapping[str, Mapping[str, FloatArray]]

    def placed(self, name: str, value: float) -> Feature:
        """The feature with the share in % of benign and of malignant masses below its value."""
        spread = self.quantiles[name]
        benign, malignant = (
            round(float(np.interp(value, spread[kind], PERCENTS)))
            for kind in ("benign", "malignant")
        )
        return Feature(value, benign, malignant)


@cache
def reference() -> Reference:
    """The shipped one, made by ``benchmarks/feature_reference.py``."""
    file = resources.files("mammoscope.classification") / "reference.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    return Reference(
        values["source"],
        values["masses"],
        {
            name: {kind: np.asarray(q, dtype=np.float64) for kind, q in spread.items()}
            for name, spread in values["features"].items()
        },
    )
