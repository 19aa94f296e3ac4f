from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.datasets import AnnotatedImage, load
from mammoscope.phantom import StudyOptions, write_studies

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("timm", reason="needs the extra [train]")

from mammoscope.training.config import (
    AugmentationConfig,
    DetectorConfig,
    NetworkConfig,
    TrainingConfig,
)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[AnnotatedImage, ...]:
    """Phantom images of three patients, annotated."""
    folder: Path = tmp_path_factory.mktemp("phantoms")
    write_studies(folder, StudyOptions(studies=3, rows=300, png=False))
    return tuple(image for kind in ("dicom",) for image in load(f"truth:{_flat(folder, kind)}"))


def _flat(folder: Path, kind: str) -> Path:
    """The truth beside its images, as the adapter wants it."""
    (folder / kind / "truth.csv").write_text((folder / "truth.csv").read_text())
    return folder / kind


@pytest.fixture(scope="session")
def config() -> DetectorConfig:
    """A network small enough for a test."""
    return DetectorConfig(
        network=NetworkConfig("mobilenetv2_100", rows=96, columns=64, channels=8),
        training=TrainingConfig(
            epochs=2, batch=2, learning_rate=1e-3, warmup_steps=2, test=0.34, validation=0.5
        ),
        augmentation=AugmentationConfig(flip=0.5, rotation_deg=10, gamma=0.3, noise=0.02),
    )
