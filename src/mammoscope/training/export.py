"""From trained weights to the shipped ONNX model, with a numeric check and its card."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mammoscope.errors import ModelError
from mammoscope.files import write_bytes, write_json
from mammoscope.models.card import SCHEMA, ModelCard
from mammoscope.models.card import read_facts as read_card_facts
from mammoscope.models.detector_card import DetectorCard
from mammoscope.models.session import OnnxModel
from mammoscope.training.config import DetectorConfig
from mammoscope.training.detectors.families import MassDetector, build
from mammoscope.training.engine.checkpoint import load_weights

Card = TypeVar("Card", bound=ModelCard)

_TOLERANCE = {"boxes": 0.05, "scores": 1e-4}
"""Largest difference allowed between torch and ONNX: pixels of the picture, and score."""

_CHOSEN = ("threshold", "operating_points")
"""What is chosen on a validation part: of a detector's card, or of a classifier's."""

_COUNTS = 0.02
"""Scores below are flat background, where rounding decides which of two equal cells is the peak."""

_OPSET = 18


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
    with tempfile.TemporaryDirectory() as folder:
        trial = write_model(Path(folder) / target.name, data, card)
        _compare(network, DetectorCard.read(trial), target)
    return DetectorCard.read(write_model(target, data, card))


def write_model(target: Path, data: bytes, card: dict[str, Any]) -> Path:
    """Write ``NAME.onnx`` and its card ``NAME.json``; returns the card's path."""
    write_bytes(target, data)
    write_json(target.with_suffix(".json"), card)
    return target.with_suffix(".json")


def with_facts(card: Card, facts: dict[str, Any]) -> Card:
    """The card with other facts, written in its place."""
    write_json(card.path, read_card_facts(card.path) | facts)
    return card.read(card.path)


def copy_model(card: Card, target: Path, facts: dict[str, Any]) -> Card:
    """The model at ``target`` (``NAME.onnx``), its card ``NAME.json`` with other facts.

    Raises
    ------
    ModelError
        If the weights are missing or not those of the card.
    """
    data = card.load_weights()
    own = {"weights": weights_facts(target.name, data)}
    return card.read(write_model(target, data, read_card_facts(card.path) | facts | own))


def weights_facts(name: str, data: bytes) -> dict[str, Any]:
    """What a card says of its weights file."""
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def exported(network: nn.Module, inputs: dict[str, Tensor], outputs: list[str]) -> bytes:
    """The network in evaluation mode as an ONNX file, for inputs of these very shapes."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(raw),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=_OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
        return without_traces(onnx.load(raw))


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


def without_traces(model: onnx.ModelProto) -> bytes:
    """The model without the exporter's notes, which hold paths of the machine it ran on."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info]
    for part in [*parts, *graph.initializer]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return bytes(model.SerializeToString())


def _compare(network: MassDetector, card: DetectorCard, target: Path) -> None:
    """Hold the exported model against torch on made pictures, peak by peak."""
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
                    f"{target}: exported {what} differ by {off[what]:.3g},"
                    f" at most {allowed} is allowed"
                )


def made_picture(rows: int, columns: int, seed: int) -> np.ndarray:
    """Noise and blobs (1, 1, rows, columns) to hold two forms of a model against each other."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    picture = 0.3 + 0.1 * rng.standard_normal((rows, columns))
    for _ in range(5):
        cx, cy, r = rng.uniform(0, columns), rng.uniform(0, rows), rng.uniform(8, 40)
        picture += 0.5 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r**2))
    return np.clip(picture, 0, 1).astype(np.float32)[None, None]


def read_facts(path: Path, run_card: Path | None = None) -> dict[str, Any]:
    """What people should know of a model, from a JSON file kept beside its configuration.

    Parameters
    ----------
    run_card
        Card of the training run, for what was measured there and the facts do not give.

    Raises
    ------
    ModelError
        If a file cannot be read, or the facts lack what every card must say.
    """
    facts = _read_object(path)
    if run_card is not None and run_card.exists():
        trained = _read_object(run_card)
        facts = {k: trained[k] for k in ("calibration", *_CHOSEN) if k in trained} | facts
    missing = [
        k for k in ("name", "version", "training_data", "figures", "limits") if k not in facts
    ]
    if not any(key in facts for key in _CHOSEN):
        missing.append(" or ".join(_CHOSEN))
    if missing:
        raise ModelError(f"{path}: lacks {', '.join(missing)}")
    return facts


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not a JSON object")
    return values
