"""Two that see a region differently, asked together: a network, and a classical model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import helper, numpy_helper

from mammoscope.classification.features import NAMES
from mammoscope.training.classifiers.classifier import fit_classifier
from mammoscope.training.classifiers.deep import fit_deep
from mammoscope.training.classifiers.lesions import Lesion
from mammoscope.training.config import ClassifierConfig
from mammoscope.training.engine.graphs import assembled, halved, part
from mammoscope.training.engine.loop import Run

_SPREAD = 4.0
"""What the classical model says, times this, is about as widely spread as the network's logits."""


def fit_ensemble(config: ClassifierConfig, lesions: Sequence[Lesion], seed: int, run: Run) -> bytes:
    """One ONNX model of ``picture`` and ``features`` to ``logit`` and ``map``.

    The logit is the mean of those of a network that learns from the lesions, and of the
    classical method ``config.network.beside`` on hand-made and deep features
    (:func:`~mammoscope.training.classifiers.deep.fit_deep`), whose trunk stays as it is. The map
    is the network's. Weights are kept as float16.

    Raises
    ------
    InputError, ValueError, ModelError
        As :func:`~mammoscope.training.classifiers.classifier.fit_classifier` and ``fit_deep``.
    """
    network = fit_classifier(config, lesions, replace(run, folder=run.folder / "network"))
    classical = fit_deep(config.network.beside, config.network, lesions, seed, run)
    spread = numpy_helper.from_array(np.array(_SPREAD, np.float32), "spread")
    data = assembled(
        [
            part(network.load_weights(), "network_"),
            part(classical, "classical_"),
            helper.make_node("Constant", [], ["spread"], value=spread),
            helper.make_node("Mul", ["classical_logit", "spread"], ["classical_spread"]),
            helper.make_node("Mean", ["network_logit", "classical_spread"], ["logit"]),
            helper.make_node("Identity", ["network_map"], ["map"]),
        ],
        {"picture": (1, 1, config.network.side, config.network.side), "features": (1, len(NAMES))},
        {"logit": (1,), "map": (1, "rows", "columns")},
    )
    return halved(data)
