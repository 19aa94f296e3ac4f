"""What any method writes of a trained classifier: ``classifier.onnx`` and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mammoscope.classification.features import NAMES
from mammoscope.files import ensure_folder
from mammoscope.models.card import SCHEMA
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.lesions import Square
from mammoscope.training.export import weights_facts, write_model

MODEL = "classifier.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""


def write_classifier(
    folder: Path, name: str, data: bytes, square: Square | None = None, maps: bool = False
) -> ClassifierCard:
    """Write a model of features, and of pictures where it takes any; its card calibrates nothing.

    Parameters
    ----------
    data
        ONNX: ``features`` (1, F) and, with ``square``, ``picture`` (1, 1, side, side) to ``logit``
        (1,) and, with ``maps``, ``map`` (1, r, c).
    """
    facts = {"name": name, "version": "0"}
    card = card_facts(facts, MODEL, data, square=square, features=True, maps=maps)
    return ClassifierCard.read(write_model(ensure_folder(folder) / MODEL, data, card))


def card_facts(
    facts: dict[str, Any],
    name: str,
    data: bytes,
    *,
    square: Square | None,
    features: bool,
    maps: bool,
) -> dict[str, Any]:
    """A classifier's card: ``facts``, and what code must know."""
    side, margin = square or (0, 1.0)
    return {
        "schema": SCHEMA,
        **facts,
        "task": "classification",
        "weights": weights_facts(name, data),
        "input": {
            "side": side,
            "margin": margin,
            "features": list(NAMES) if features else [],
            "preparation": "mammoscope.preprocessing.preprocess, then"
            " mammoscope.classification.roi.cut; features by mammoscope.classification.features",
        },
        "outputs": {"logit": "(1,)"} | ({"map": "(1, r, c)"} if maps else {}),
    }
