"""A classical model on deep features: those of a trunk that is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.card import write_classifier
from mammoscope.training.classifiers.classical import OnFeatures, fit_classical
from mammoscope.training.classifiers.lesions import (
    Lesion,
    labels_of,
    need_both_classes,
    regions_of,
)
from mammoscope.training.classifiers.network import OfPictures
from mammoscope.training.classifiers.roi_network import STRIDE
from mammoscope.training.config import RoiNetworkConfig
from mammoscope.training.engine.graphs import assembled, part
from mammoscope.training.engine.loop import Run
from mammoscope.training.engine.trunk import Trunk
from mammoscope.training.export import exported


@dataclass(frozen=True)
class OnDeepFeatures(OfPictures):
    """A classical method on deep features and hand-made ones side by side."""

    beside: OnFeatures

    def fit(self, lesions: Sequence[Lesion], run: Run) -> ClassifierCard:
        """As for every method."""
        data = fit_deep(self.beside, self.config.network, lesions, run)
        return write_classifier(run.folder, self.name, data, self.square)


class DeepFeatures(nn.Module):
    """The mean of each channel of a trunk's last map.

    Parameters
    ----------
    config
        Which trunk, and the pictures that it takes.
    run
        Where the trunk starts, and stays.
    """

    def __init__(self, config: RoiNetworkConfig, run: Run) -> None:
        super().__init__()
        self.trunk = Trunk(config.trunk, (STRIDE,), config.pad_type)
        if run.weights:
            self.trunk.start_from(run.weights)
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 1, side, side) in [0, 1] to features (B, C)."""
        return self.trunk(pictures)[0].mean((2, 3))

    @torch.no_grad()
    def of(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """The features (N, C) of pictures, one by one as the exported model will see them."""
        return np.concatenate([self(one[None]).numpy() for one in torch.from_numpy(pictures)])


def fit_deep(
    method: OnFeatures, config: RoiNetworkConfig, lesions: Sequence[Lesion], run: Run
) -> bytes:
    """One ONNX model of ``picture`` and hand-made ``features`` to ``logit``.

    Deep features stand beside those of shape, texture and density, and a classical ``method``
    learns from all of them, as an extreme learning machine does in Z. Wang et al., "Breast Cancer
    Detection Using Extreme Learning Machine Based on Feature Fusion With CNN Deep Features",
    IEEE Access 7 (2019).

    Raises
    ------
    InputError, ModelError
        As :func:`~mammoscope.training.classifiers.classical.fit_classical`.
    """
    need_both_classes(lesions, run.folder)
    trunk = DeepFeatures(config, run)
    shown = regions_of(lesions, (config.side, config.margin), features=True)
    assert shown.pictures is not None and shown.features is not None  # noqa: S101  (narrows)
    both = np.concatenate([shown.features, trunk.of(shown.pictures)], axis=1)
    classical = fit_classical(method, both, labels_of(lesions), run.folder)
    seen = exported(trunk, {"picture": torch.from_numpy(shown.pictures[:1])}, ["features"])
    beside = helper.make_node("Concat", ["features", "deep_features"], ["all_features"], axis=1)
    model = onnx.compose.add_prefix(onnx.load_from_string(classical), "all_")
    last = helper.make_node("Identity", ["all_logit"], ["logit"])
    inputs = {
        "picture": (1, 1, config.side, config.side),
        "features": (1, shown.features.shape[1]),
    }
    return assembled([part(seen, "deep_"), beside, model, last], inputs, {"logit": (1,)})
