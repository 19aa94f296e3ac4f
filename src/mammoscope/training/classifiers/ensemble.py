"""Two that see a region differently, asked together: a network, and a classical model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import helper, numpy_helper

from mammoscope.classification.features import NAMES
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.card import write_classifier
from mammoscope.training.classifiers.classical import OnFeatures
from mammoscope.training.classifiers.deep import fit_deep
from mammoscope.training.classifiers.lesions import Lesion
from mammoscope.training.classifiers.network import OfPictures, fit_network
from mammoscope.training.engine.graphs import assembled, halved, part
from mammoscope.training.engine.loop import Run

_SPREAD = 4.0
"""What the classical model says, times this, is about as widely spread as the network's logits."""


@dataclass(frozen=True)
class Ensemble(OfPictures):
    """A network, and a classical method on hand-made and deep features, asked together.

    The logit is the mean of both, the map is the network's. The trunk of the deep features stays as
    it starts (:func:`~mammoscope.training.classifiers.deep.fit_deep`). Weights are kept as float16.
    """

    beside: OnFeatures

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """As for every method."""
        network = fit_network(self.config, lesions, replace(run, folder=run.folder / "network"))
        classical = fit_deep(self.beside, self.config.network, lesions, run)
        data = self._together(network.load_weights(), classical)
        return write_classifier(run.folder, self.name, data, self.square, maps=True)

    def _together(self, network: bytes, classical: bytes) -> bytes:
        """One ONNX model of ``picture`` and ``features`` to ``logit`` and ``map``."""
        side = self.config.network.side
        spread = numpy_helper.from_array(np.array(_SPREAD, np.float32), "spread")
        data = assembled(
            [
                part(network, "network_"),
                part(classical, "classical_"),
                helper.make_node("Constant", [], ["spread"], value=spread),
                helper.make_node("Mul", ["classical_logit", "spread"], ["classical_spread"]),
                helper.make_node("Mean", ["network_logit", "classical_spread"], ["logit"]),
                helper.make_node("Identity", ["network_map"], ["map"]),
            ],
            {"picture": (1, 1, side, side), "features": (1, len(NAMES))},
            {"logit": (1,), "map": (1, "rows", "columns")},
        )
        return halved(data)
