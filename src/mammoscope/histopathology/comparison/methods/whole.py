"""Networks on the whole field: a plain one, and ResNet and Inception together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.histopathology.comparison.config import ACTIVATIONS, CnnSettings, FusedSettings
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.methods.method import TissuePredictions
from mammoscope.histopathology.comparison.methods.outputs import logits_of, predictions_of
from mammoscope.histopathology.comparison.networks import Labels, TissueNetwork
from mammoscope.histopathology.comparison.pictures import SmallPictures, collate
from mammoscope.histopathology.comparison.splits import Split
from mammoscope.histopathology.comparison.starts import find_start, start_in_words
from mammoscope.training.engine.loop import Job, Run, fit

CNN = "cnn"

CNNS = {CNN if each == "relu" else f"{CNN}-{each}": each for each in ACTIVATIONS}
"""Activation function of each plain network; ``"cnn"`` is that of the six methods."""


class OnWhole(ABC):
    """A network on the whole field."""

    config: CnnSettings | FusedSettings

    @property
    @abstractmethod
    def name(self) -> str:
        """As for every method."""

    @property
    @abstractmethod
    def start(self) -> str:
        """As for every method."""

    @abstractmethod
    def network(self, labels: Labels) -> TissueNetwork:
        """The untrained network, for labels of the training images."""

    @property
    def settings(self) -> dict[str, Any]:
        """As for every method."""
        return self.config.as_dict() | {"start": self.start}

    def predict(self, fields: Fields, split: Split, run: Run) -> TissuePredictions:
        """As for every method."""
        images = fields.small(self.config.network.rows, self.config.network.columns)
        labels = fields.labels(split.training)
        job = Job(
            self.name,
            lambda: self.network(labels),
            SmallPictures(images[split.training], labels, self.config.training.seed),
            collate,
            self.config,
            self.config.training,
            fields.digest(split.training),
        )
        pictures = np.divide(images[split.test].transpose(0, 3, 1, 2), 255, dtype=np.float32)
        return predictions_of(logits_of(fit(job, run), pictures))


@dataclass(frozen=True)
class PlainNetwork(OnWhole):
    """Five blocks of convolution, batch-norm, activation and pooling, from scratch."""

    config: CnnSettings

    @classmethod
    def of(cls, config: CnnSettings, name: str) -> PlainNetwork:
        """The one with the activation that its name says."""
        network = replace(config.network, activation=CNNS[name])
        return cls(replace(config, network=network))

    @property
    def name(self) -> str:
        """As for every method."""
        return next(n for n, each in CNNS.items() if each == self.config.network.activation)

    @property
    def start(self) -> str:
        """As for every method."""
        return start_in_words(None)

    def network(self, labels: Labels) -> TissueNetwork:
        """As for every network on the whole field."""
        return TissueNetwork.plain(self.config.network, labels)


@dataclass(frozen=True)
class ResnetInception(OnWhole):
    """ResNet and Inception, their features side by side, trained together."""

    config: FusedSettings
    starts: tuple[Path | None, ...]
    name = "resnet-inception"

    @classmethod
    def of(
        cls, config: FusedSettings, weights: Mapping[str, Path], report: Callable[[str], None]
    ) -> ResnetInception:
        """With weights as :func:`~mammoscope.histopathology.comparison.starts.find_start` says."""
        found = (find_start(name, weights, report) for name in config.network.trunks)
        return cls(config, tuple(found))

    @property
    def start(self) -> str:
        """As for every method."""
        each = zip(self.config.network.trunks, self.starts, strict=True)
        return ", ".join(f"{name}: {start_in_words(start)}" for name, start in each)

    def network(self, labels: Labels) -> TissueNetwork:
        """As for every network on the whole field."""
        return TissueNetwork.fused(self.config.network, self.starts, labels)
