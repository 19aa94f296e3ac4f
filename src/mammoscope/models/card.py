"""The contract that travels with every weights file."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammoscope.errors import ModelError

SCHEMA = "mammoscope/model-card/1"

PATHS = ("whole", "crops", "both")
"""Ways of looking at a breast, as ``--paths`` and the cards name them."""

_COEFFICIENTS = {"whole": 2, "crops": 2, "both": 3}
"""Bias and slopes of a path's calibration."""


@dataclass(frozen=True)
class CropsPath:
    """How a detector looks at overlapping crops.

    Parameters
    ----------
    magnification
        Crops are cut from the breast fitted to this many times the picture's size.
    overlap
        Share of a side that neighbouring crops have in common at least.
    pixel_mm
        Where the spacing of an image is known, crops are taken at this size of a pixel instead;
        None where the training data had no spacing to tell it from.
    """

    magnification: float
    overlap: float
    pixel_mm: float | None = None

    def __post_init__(self) -> None:
        is_meant = self.magnification > 0 and 0 <= self.overlap < 1
        if not is_meant or (self.pixel_mm is not None and not self.pixel_mm > 0):
            raise ValueError(f"crops cannot be meant: {self}")


@dataclass(frozen=True)
class ModelCard:
    """What code must know of a model; ``facts`` holds everything that people should know.

    Parameters
    ----------
    path
        The card's own file; the weights lie beside it.
    name, version, task
        For example ``"mass-whole"``, ``"1"`` and ``"detection"``.
    weights, sha256
        Name and digest of the ONNX file.
    rows, columns
        Size of the picture that the network takes, in pixels.
    threshold
        By path (:data:`PATHS`) the score from which a region is shown; the rule it was chosen by
        stands in ``facts``. A path that is missing cannot be run.
    calibration
        By path the bias and the slopes of :mod:`mammoscope.detection.fusion`; without them raw
        scores are kept.
    crops
        How the crops path is run, or None for a model of the whole image alone.
    facts
        The whole card: training data and licence, split, figures with intervals, limits.
    """

    path: Path
    name: str
    version: str
    task: str
    weights: str
    sha256: str
    rows: int
    columns: int
    threshold: dict[str, float]
    calibration: dict[str, tuple[float, ...]]
    crops: CropsPath | None
    facts: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises
        ------
        ModelError
            If the file is no card of this schema, or a field is missing or cannot be meant.
        """
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["schema"] != SCHEMA:
                raise ModelError(f"{path}: schema {facts['schema']!r} is not {SCHEMA!r}")
            card = cls(
                path=path,
                name=str(facts["name"]),
                version=str(facts["version"]),
                task=str(facts["task"]),
                weights=str(facts["weights"]["file"]),
                sha256=str(facts["weights"]["sha256"]),
                rows=int(facts["input"]["rows"]),
                columns=int(facts["input"]["columns"]),
                threshold=_thresholds(facts["threshold"]),
                calibration=_calibration(facts.get("calibration", {})),
                crops=CropsPath(**facts["crops"]) if "crops" in facts else None,
                facts=facts,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not a readable model card: {error!r}") from error
        shares = card.threshold.values()
        if card.rows < 1 or card.columns < 1 or not all(0 <= t <= 1 for t in shares):
            raise ModelError(f"{path}: input size or threshold cannot be meant")
        return card

    @property
    def weights_path(self) -> Path:
        """The ONNX file."""
        return self.path.parent / self.weights

    def load_weights(self) -> bytes:
        """The bytes of the ONNX file, checked against the card.

        Raises
        ------
        ModelError
            If the file is missing or its sha256 is not the card's.
        """
        try:
            data = self.weights_path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self.weights_path}: {error.strerror}") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.sha256:
            raise ModelError(
                f"{self.weights_path}: sha256 is {digest[:12]}..., its card says"
                f" {self.sha256[:12]}...: the file was changed or cut off"
            )
        return data


def _thresholds(values: dict[str, Any]) -> dict[str, float]:
    """By path; a card of one path may give a plain ``value``."""
    if "value" in values:
        return {"whole": float(values["value"])}
    return {name: float(values[name]) for name in PATHS if name in values}


def _calibration(values: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    found = {name: tuple(float(v) for v in values[name]) for name in PATHS if name in values}
    for name, coefficients in found.items():
        if len(coefficients) != _COEFFICIENTS[name] or not all(map(math.isfinite, coefficients)):
            wanted = f"{_COEFFICIENTS[name]} finite numbers"
            raise ValueError(f"calibration of {name} must be {wanted}: {values[name]}")
    return found
