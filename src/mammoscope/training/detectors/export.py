"""From a detector's trained weights to the ONNX model, with a numeric check and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoscope.errors import ModelError
from mammoscope.models.card import SCHEMA
from mammoscope.models.detector_card import DetectorCard
from mammoscope.models.session import OnnxModel
from mammoscope.training.config import DetectorConfig
from mammoscope.training.detectors.families import MassDetector, build
from mammoscope.training.engine.checkpoint import load_weights
from mammoscope.training.export import exported, made_picture, weights_facts, write_checked

_TOLERANCE = {"boxes": 0.05, "scores": 1e-4}
"""Largest difference allowed between torch and ONNX: pixels of the picture, and score."""

_COUNTS = 0.02
"""Scores below are flat background, where rounding decides which of two equal cells is the peak."""


def export_detector(
    config: DetectorConfig, weights: Path, target: Path, facts: dict[str, Any]
) -> DetectorCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Parameters
    ----------
    facts
        The card's name, version, threshold, calibration, training data, figures and limits.

    Raises
    ------
    ModelError
        If the exported model does not give what the trained one gives, on noise and on blobs;
        what lay at ``target`` is then left as it was.
    """
    network = build(config.network)
    load_weights(network, weights)
    network.eval()
    picture = torch.zeros(1, 1, config.network.rows, config.network.columns)
    data = exported(network, {"picture": picture}, ["boxes", "scores"])
    card = _card(config, facts, target.name, data)
    written = write_checked(target, data, card, lambda path: _compare(network, path))
    return DetectorCard.read(written)


def _card(config: DetectorConfig, facts: dict[str, Any], name: str, data: bytes) -> dict[str, Any]:
    network = config.network
    return {
        "schema": SCHEMA,
        **facts,
        "task": "detection",
        "weights": weights_facts(name, data),
        "input": {
            "rows": network.rows,
            "columns": network.columns,
            "channels": 1,
            "range": [0, 1],
            "preparation": "mammoscope.preprocessing.preprocess, then mammoscope.detection.prepare:"
            " fit for the whole breast, magnify for crops",
        },
        "crops": {
            "magnification": network.magnification,
            "overlap": network.overlap,
            "pixel_mm": network.pixel_mm or None,
        },
        "outputs": {"boxes": "(1, K, 4) xyxy in pixels of the picture", "scores": "(1, K)"},
    }


def _compare(network: MassDetector, path: Path) -> None:
    """Hold the exported model against torch on made pictures, peak by peak."""
    card = DetectorCard.read(path)
    model = OnnxModel(card)
    for seed in range(4):
        picture = made_picture(card.rows, card.columns, seed)
        with torch.no_grad():
            boxes, scores = (out.numpy() for out in network.find(torch.from_numpy(picture)))
        onnx_boxes, onnx_scores = model(picture=picture)
        # Peaks of nearly one score may change places; compare those well apart from the others.
        gaps = np.abs(np.diff(scores[0], prepend=2, append=0)) > 2 * _TOLERANCE["scores"]
        apart = gaps[:-1] & gaps[1:]
        # Put so that NaN counts, and differs.
        counts = ~(np.maximum(scores, onnx_scores)[0] <= _COUNTS)
        off = {
            "scores": float(np.abs(scores - onnx_scores)[0][counts].max(initial=0)),
            "boxes": float(np.abs(boxes - onnx_boxes)[0][counts & apart].max(initial=0)),
        }
        for what, allowed in _TOLERANCE.items():
            if not off[what] <= allowed:
                raise ModelError(
                    f"{card.weights_path}: exported {what} differ by {off[what]:.3g},"
                    f" at most {allowed} is allowed"
                )
