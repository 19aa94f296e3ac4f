from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoscope.datasets import AnnotatedImage, load
from mammoscope.geometry import FloatArray
from mammoscope.phantom import StudyOptions, write_studies

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("timm", reason="needs the extra [train]")

from mammoscope.training.classifiers.lesions import Lesion, load_lesions
from mammoscope.training.classifiers.methods import METHODS
from mammoscope.training.config import (
    AugmentationConfig,
    ClassifierConfig,
    DetectorConfig,
    NetworkConfig,
    RoiNetworkConfig,
    TrainingConfig,
)
from mammoscope.training.detectors.families import FAMILIES


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package of one module, with entry points by group and name."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def put(name: str, source: str, points: dict[str, dict[str, str]]) -> None:
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(source)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        with (info / "entry_points.txt").open("w") as file:
            for group, objects in points.items():
                lines = (f"{key} = {module}:{value}\n" for key, value in objects.items())
                file.write("".join([f"[{group}]\n", *lines]))
        # What is installed is looked up once: look again now, and after the test.
        for socket in (METHODS, FAMILIES):
            monkeypatch.setitem(vars(socket), "_found", None)
            monkeypatch.delitem(vars(socket), "_found")

    return put


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[AnnotatedImage, ...]:
    """Phantom images of three patients, annotated."""
    folder: Path = tmp_path_factory.mktemp("phantoms")
    write_studies(folder, StudyOptions(studies=3, rows=300, png=False))
    return load(f"truth:{folder}")


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


@pytest.fixture(scope="session")
def roi_config() -> ClassifierConfig:
    """A classifier small enough for a test, of pictures and features."""
    return ClassifierConfig(
        network=RoiNetworkConfig("test_efficientnet", side=64, features=True, dropout=0.5),
        training=TrainingConfig(
            epochs=2, batch=2, learning_rate=1e-3, warmup_steps=2, test=0.34, validation=0.5
        ),
        augmentation=AugmentationConfig(flip=0.5, rotation_deg=10, gamma=0.3, noise=0.02),
    )


@pytest.fixture(scope="session")
def detected(images: tuple[AnnotatedImage, ...]) -> dict[Path, FloatArray]:
    """One box on each lesion of every other image, a bit off, and one beside."""
    return {
        image.path: np.concatenate([np.add(image.boxes, (3, -2, 4, 1)), image.boxes[:1] + 60])
        for image in images[::2]
        if len(image.boxes)
    }


@pytest.fixture(scope="session")
def lesions(
    images: tuple[AnnotatedImage, ...],
    roi_config: ClassifierConfig,
    detected: dict[Path, FloatArray],
) -> list[Lesion]:
    """All of the phantoms' lesions."""
    square = (roi_config.network.side, roi_config.network.margin)
    return load_lesions(images, [square], detected, lambda error: pytest.fail(str(error)))
