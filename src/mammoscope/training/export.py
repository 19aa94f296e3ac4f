"""Networks as ONNX files, and the cards that lie beside them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mammoscope.errors import ModelError
from mammoscope.files import read_file, write_bytes, write_json
from mammoscope.models.card import ModelCard
from mammoscope.models.card import read_facts as read_card_facts
from mammoscope.models.session import OnnxModel

Card = TypeVar("Card", bound=ModelCard)

_CHOSEN = ("threshold", "operating_points", "cuts", "named_from")
"""What is chosen on a part of the patients: of a detector's card, a classifier's, density's, or a
second look's."""

_OPSET = 18


def write_model(target: Path, data: bytes, card: dict[str, Any]) -> Path:
    """Write ``NAME.onnx`` and its card ``NAME.json``; returns the card's path."""
    write_bytes(target, data)
    write_json(target.with_suffix(".json"), card)
    return target.with_suffix(".json")


def write_checked(
    target: Path, data: bytes, card: dict[str, Any], check: Callable[[Path], None]
) -> Path:
    """As :func:`write_model`, where the model passes.

    Parameters
    ----------
    check
        Is given the card of a copy.

    Raises
    ------
    ModelError
        If ``check`` does, then named as ``target``; what lay there is left as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = write_model(Path(folder) / target.name, data, card)
        try:
            check(trial)
        except ModelError as error:
            raise ModelError(str(error).replace(str(trial.parent), str(target.parent))) from error
    return write_model(target, data, card)


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


def without_traces(model: onnx.ModelProto) -> bytes:
    """The model without the exporter's notes, which hold paths of the machine it ran on."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info]
    for part in [*parts, *graph.initializer]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return bytes(model.SerializeToString())


def made_picture(rows: int, columns: int, seed: int) -> np.ndarray:
    """Noise and blobs (1, 1, rows, columns) to hold two forms of a model against each other."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    picture = 0.3 + 0.1 * rng.standard_normal((rows, columns))
    for _ in range(5):
        cx, cy, r = rng.uniform(0, columns), rng.uniform(0, rows), rng.uniform(8, 40)
        picture += 0.5 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r**2))
    return np.clip(picture, 0, 1).astype(np.float32)[None, None]


def compare_exported(
    network: nn.Module, model: OnnxModel[Card], size: tuple[int, int], what: str, most: float
) -> None:
    """Hold an exported model of one input and one output against its network, on made pictures.

    Parameters
    ----------
    size
        Rows and columns of a picture.
    what
        Name of the output.
    most
        How far a number of it may be from the network's.

    Raises
    ------
    ModelError
        If they differ.
    """
    for seed in range(4):
        picture = made_picture(*size, seed)
        with torch.no_grad():
            wanted = network(torch.from_numpy(picture)).numpy()
        (found,) = model(picture=picture)
        # Put so that NaN differs.
        if not np.abs(wanted - found).max() <= most:
            raise ModelError(f"{model.card.weights_path}: exported {what} differ")


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
        facts = {
            k: trained[k] for k in ("calibration", "figures", *_CHOSEN) if k in trained
        } | facts
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
        values = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not a JSON object")
    return values
