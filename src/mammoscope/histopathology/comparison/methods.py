"""The methods that are compared: each learns from some images and judges others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from scipy.special import expit

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.comparison import classical
from mammoscope.histopathology.comparison.config import (
    ACTIVATIONS,
    CnnSettings,
    FusedSettings,
    RegionsSettings,
)
from mammoscope.histopathology.comparison.fields import Fields, digest
from mammoscope.histopathology.comparison.networks import Labels, TissueNetwork
from mammoscope.histopathology.comparison.pictures import RegionPictures, SmallPictures, collate
from mammoscope.histopathology.comparison.splits import Indices, Split
from mammoscope.histopathology.comparison.starts import find_start, said_of
from mammoscope.histopathology.views import MIRRORED, Field
from mammoscope.training.engine.loop import Job, Run, fit
from mammoscope.training.engine.trunk import DOWNLOAD

CNN, OURS = "cnn", "ours"

_BATCH = 32


@dataclass(frozen=True)
class Said:
    """What a method says of T tests: probability of malignancy (T,), of the subtypes (T, C)."""

    p_malignant: FloatArray
    p_subtype: FloatArray


class Method(Protocol):
    """A way to classify."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def start(self) -> str:
        """What it knows before it sees the set, in words."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything it is told but the data, for JSON."""

    def judge(self, fields: Fields, split: Split, run: Run) -> Said:
        """Learn from the training part of a split, in ``run.folder``, and judge the tests."""


@dataclass(frozen=True)
class OnFeatures:
    """A classifier of hand-made features, fitted anew for each of the two tasks."""

    name: str
    fit: classical.Fit
    options: Mapping[str, Any]
    start: str = "hand-made features"

    @property
    def settings(self) -> dict[str, Any]:
        """As for every method."""
        return {**self.options, "start": self.start}

    def judge(self, fields: Fields, split: Split, run: Run) -> Said:
        """As every method does."""
        features = fields.handmade()
        seen, shown = features[split.training], features[split.test]
        labels = fields.labels(split.training)
        binary = self.fit(seen, labels.malignant.astype(np.int64), 2)
        kinds = self.fit(seen, labels.subtype, labels.subtypes)
        return Said(binary(shown)[:, 1], kinds(shown))


@dataclass(frozen=True)
class OnWhole:
    """A network on the whole field."""

    name: str
    config: CnnSettings | FusedSettings
    build: Callable[[Labels], TissueNetwork]
    start: str

    @classmethod
    def plain(cls, config: CnnSettings, name: str) -> OnWhole:
        """The plain network with the activation that its name says, from scratch."""
        network = replace(config.network, activation=CNNS[name])
        build = partial(TissueNetwork.plain, network)
        return cls(name, replace(config, network=network), build, said_of(None))

    @classmethod
    def fused(
        cls, config: FusedSettings, weights: Mapping[str, Path], report: Callable[[str], None]
    ) -> OnWhole:
        """ResNet and Inception, with ``weights`` as in :func:`all_methods`."""
        starts = {name: find_start(name, weights, report) for name in config.network.trunks}
        said = ", ".join(f"{name}: {said_of(start)}" for name, start in starts.items())
        build = partial(TissueNetwork.fused, config.network, tuple(starts.values()))
        return cls("resnet-inception", config, build, said)

    @property
    def settings(self) -> dict[str, Any]:
        """As for every method."""
        return self.config.as_dict() | {"start": self.start}

    def judge(self, fields: Fields, split: Split, run: Run) -> Said:
        """As every method does."""
        images = fields.small(self.config.network.rows, self.config.network.columns)
        labels = fields.labels(split.training)
        job = Job(
            self.name,
            lambda: self.build(labels),
            SmallPictures(images[split.training], labels, self.config.training.seed),
            collate,
            self.config,
            self.config.training,
            _digest(fields, split.training),
        )
        pictures = np.divide(images[split.test].transpose(0, 3, 1, 2), 255, dtype=np.float32)
        return _chances(_logits(fit(job, run), pictures))


@dataclass(frozen=True)
class Regions:
    """Ours: the whole field and overlapping crops, by a network that knows ImageNet."""

    config: RegionsSettings
    weights: Path | None
    name: str = OURS

    @classmethod
    def of(cls, config: RegionsSettings, weights: Path | None) -> Regions:
        """``weights`` as :func:`~mammoscope.histopathology.comparison.starts.find_start` says."""
        if weights == DOWNLOAD:
            # The weights that timm has were trained with timm's own padding.
            config = replace(config, network=replace(config.network, pad_type=""))
        return cls(config, weights)

    @property
    def start(self) -> str:
        """As for every method."""
        return said_of(self.weights)

    @property
    def settings(self) -> dict[str, Any]:
        """As for every method."""
        return self.config.as_dict() | {"start": self.start}

    def train(self, fields: Fields, which: Indices, run: Run) -> TissueNetwork:
        """Learn from some images."""
        job = Job(
            self.name,
            lambda: TissueNetwork.regions(self.config.network, len(fields.data.subtypes)),
            RegionPictures(fields, which, self.config),
            collate,
            self.config,
            self.config.training,
            _digest(fields, which),
        )
        return fit(job, replace(run, weights=self.weights))

    def judge(self, fields: Fields, split: Split, run: Run) -> Said:
        """As every method does."""
        network = self.train(fields, split.training, run)
        fitted = fields.fitted(self.config.network.views)
        return _chances(np.stack([self._look(network, fitted[i]) for i in split.test.tolist()]))

    def _look(self, network: TissueNetwork, field: Field) -> FloatArray:
        """Logits (1 + C,) of one field, as the shipped model is run."""
        image, stains = field
        pictures = self.config.network.views.pictures(image, stains.light)
        each = [_logits(network, np.flip(pictures, axes)) for axes in MIRRORED]
        return np.asarray(np.mean(each, axis=(0, 1)))


def all_methods(
    ours: Callable[[Callable[[str], None]], Method],
    cnn: CnnSettings,
    fused: FusedSettings,
    weights: Mapping[str, Path],
    wanted: Sequence[str],
    report: Callable[[str], None],
) -> list[Method]:
    """The methods of some names, in the order of :data:`NAMES`.

    Parameters
    ----------
    ours
        Makes ours, and reports.
    cnn
        Settings of the plain networks but for their activation.
    fused
        Settings of ResNet and Inception together.
    weights
        Files of ImageNet weights by timm's name of a network; for others timm's own are fetched,
        and where that fails the table says that there were none.
    """
    ways: dict[str, Callable[[], Method]] = {
        "random-forest": lambda: OnFeatures(
            "random-forest", classical.random_forest, classical.FOREST
        ),
        "kmeans-gmm": lambda: OnFeatures("kmeans-gmm", classical.clusters, classical.CLUSTERS),
        "svm": lambda: OnFeatures("svm", classical.svm, classical.SVM),
        "resnet-inception": lambda: OnWhole.fused(fused, weights, report),
        **{name: partial(OnWhole.plain, cnn, name) for name in CNNS},
        OURS: lambda: ours(report),
    }
    return [ways[name]() for name in NAMES if name in wanted]


def _digest(fields: Fields, which: Indices) -> str:
    images = digest([fields.data.images[i] for i in which.tolist()])
    return f"{images} normalised" if fields.normalise else images


@torch.no_grad()
def _logits(network: TissueNetwork, pictures: NDArray[np.float32]) -> FloatArray:
    """(N, 1 + C) of pictures (N, 3, r, c)."""
    device = PartialState().device
    network.to(device)
    batches = torch.from_numpy(np.ascontiguousarray(pictures)).split(_BATCH)
    found = [network.logits(batch.to(device)).cpu().numpy() for batch in batches]
    return np.concatenate(found).astype(np.float64)


def _chances(logits: FloatArray) -> Said:
    """From logits (T, 1 + C)."""
    kinds = np.exp(logits[:, 1:] - logits[:, 1:].max(axis=1, keepdims=True))
    return Said(expit(logits[:, 0]), kinds / kinds.sum(axis=1, keepdims=True))


CNNS = {
    CNN if activation == "relu" else f"{CNN}-{activation}": activation for activation in ACTIVATIONS
}
"""Activation function of each plain network; ``"cnn"`` is that of the six methods."""

SIX = ("random-forest", "kmeans-gmm", "svm", "resnet-inception", CNN, OURS)

NAMES = (*SIX, *(name for name in CNNS if name != CNN))
"""All methods."""
