from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("timm", reason="needs the extra [train]")
pytest.importorskip("skimage", reason="needs the extra [train]")

from mammoscope.histopathology import TissueSet, load_tissue
from mammoscope.histopathology.comparison.config import (
    CnnConfig,
    CnnSettings,
    FusedConfig,
    FusedSettings,
    RegionsConfig,
    RegionsSettings,
    StainConfig,
)
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.training.config import TrainingConfig

TRAINING = TrainingConfig(epochs=1, batch=4, learning_rate=1e-3, warmup_steps=2, workers=0)


@pytest.fixture(scope="session")
def data(breakhis: Path) -> TissueSet:
    return load_tissue(breakhis)


@pytest.fixture(scope="session")
def fields(data: TissueSet, tmp_path_factory: pytest.TempPathFactory) -> Fields:
    return Fields(data, tmp_path_factory.mktemp("cache"), lambda text: None)


@pytest.fixture(scope="session")
def regions() -> RegionsSettings:
    """Ours, small enough for a test."""
    network = RegionsConfig("mobilenetv2_050", side=64, frozen_stages=2)
    return RegionsSettings(
        network, TRAINING, StainConfig(colour=0.1, strength=0.4, scale=0.25, blur_px=1.0)
    )


@pytest.fixture(scope="session")
def cnn() -> CnnSettings:
    """The plain network, small enough for a test."""
    return CnnSettings(CnnConfig(rows=32, columns=48), TRAINING)


@pytest.fixture(scope="session")
def fused() -> FusedSettings:
    """ResNet and Inception, small enough for a test."""
    return FusedSettings(FusedConfig("resnet10t", "inception_v3", 80, 96), TRAINING)
