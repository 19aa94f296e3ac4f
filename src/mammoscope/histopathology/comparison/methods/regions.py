"""Ours: the whole field and overlapping crops, by a network that knows ImageNet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.geometry import FloatArray
from mammoscope.histopathology.comparison.config import RegionsSettings
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.methods.method import TissuePredictions
from mammoscope.histopathology.comparison.methods.outputs import logits_of, predictions_of
from mammoscope.histopathology.comparison.networks import TissueNetwork
from mammoscope.histopathology.comparison.pictures import RegionPictures, collate
from mammoscope.histopathology.comparison.splits import Indices, Split
from mammoscope.histopathology.comparison.starts import start_in_words
from mammoscope.histopathology.views import MIRRORED, Field
from mammoscope.training.engine.loop import Job, Run, fit
from mammoscope.training.engine.trunk import DOWNLOAD

OURS = "ours"


@dataclass(frozen=True)
class Regions:
    """The method whose model is shipped."""

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
        return start_in_words(self.weights)

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
            fields.digest(which),
        )
        return fit(job, replace(run, weights=self.weights))

    def predict(self, fields: Fields, split: Split, run: Run) -> TissuePredictions:
        """As for every method."""
        network = self.train(fields, split.training, run)
        fitted = fields.fitted(self.config.network.views)
        looked = [self._look(network, fitted[i]) for i in split.test.tolist()]
        return predictions_of(np.stack(looked))

    def _look(self, network: TissueNetwork, field: Field) -> FloatArray:
        """Logits (1 + C,) of one field, as the shipped model is run."""
        image, stains = field
        pictures = self.config.network.views.pictures(image, stains.light)
        each = [logits_of(network, np.flip(pictures, axes)) for axes in MIRRORED]
        return np.asarray(np.mean(each, axis=(0, 1)))
