from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mammoscope.histopathology.stain import Stains
from mammoscope.models import HistopathologyCard

RGB = NDArray[np.uint8]

STAINS = Stains(
    np.full(3, 255.0),
    np.array([[0.60, 0.68, 0.42], [0.35, 0.86, 0.37]]),
    np.array([0.85, 0.8]),
)

FOLDERS = {
    "A": "adenosis",
    "F": "fibroadenoma",
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
}


def paint(malignant: bool, seed: int, stains: Stains = STAINS, size: int = 96) -> RGB:
    """A field of made-up tissue (size, 3 / 2 size, 3): pink stroma, and nuclei in it.

    Malignant nuclei are many, large and dark; benign ones few, small and pale.
    """
    rng = np.random.default_rng(seed)
    rows, columns = size, size * 3 // 2
    eosin = cv2.GaussianBlur(rng.standard_normal((rows, columns)), (0, 0), size / 16)
    eosin = np.clip(0.5 + 0.25 * eosin / eosin.std(), 0, 1)
    nuclei = np.zeros((rows, columns))
    number, radius, dark = (40, size / 16, 1.0) if malignant else (15, size / 28, 0.7)
    for _ in range(number):
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        axes = (round(radius * rng.uniform(0.8, 1.4)), round(radius))
        cv2.ellipse(nuclei, centre, axes, rng.uniform(0, 180), 0, 360, dark, -1)
    glass = np.hypot(*(np.indices((rows, columns)) - [[[rows / 2]], [[columns / 2]]])) < size / 6
    amounts = np.stack([nuclei, eosin], axis=2) * ~glass[..., None]
    amounts = cv2.GaussianBlur(amounts, (0, 0), 0.7) * stains.strength
    return np.round(stains.light * np.exp(-amounts @ stains.colours)).astype(np.uint8)


def write(path: Path, rgb: RGB) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture(scope="session")
def tissue() -> Callable[..., RGB]:
    """Paint a field of made-up tissue."""
    return paint


@pytest.fixture(scope="session")
def save() -> Callable[[Path, RGB], Path]:
    """Write an RGB image."""
    return write


@pytest.fixture(scope="session")
def breakhis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up tissue in BreaKHis's own layout: 14 images of 7 patients, one of two slides."""
    root = tmp_path_factory.mktemp("set") / "BreaKHis_v1"
    slides = ("A_14-100AB", "A_14-101", "F_14-200AB", "F_14-200CD", "F_14-201")
    slides = (*slides, "DC_14-300", "DC_14-301", "LC_14-400")
    for seed, slide in enumerate(slides):
        kind, rest = slide.split("_")
        malignant = kind in ("DC", "LC")
        letter, folder = ("M", "malignant") if malignant else ("B", "benign")
        name = f"SOB_{letter}_{kind}-{rest}"
        at = root / "histology_slides" / "breast" / folder / "SOB" / FOLDERS[kind]
        for number in range(1, 2 if "200" in slide else 3):
            file = at / f"SOB_{letter}_{slide}" / "100X" / f"{name}-100-{number:03}.png"
            write(file, paint(malignant, 10 * seed + number))
    return root


PALENESS = """
    pale (float[1,3,64,64] picture) => (float[1] logit, float[1,4,4] map) {
        channels = Constant <value = int64[1] {1}> ()
        places = Constant <value = int64[2] {1, 2}> ()
        pale = ReduceMean <keepdims = 1> (picture, channels)
        cells = AveragePool <kernel_shape = [16, 16], strides = [16, 16]> (pale)
        map = Squeeze (cells, channels)
        logit = ReduceMean <keepdims = 0> (map, places)
    }
"""


@pytest.fixture
def paleness(tmp_path: Path, write_model: Callable[..., Any]) -> HistopathologyCard:
    """A model of tissue for which the paler a place the more it speaks for malignancy."""
    values = write_model(PALENESS) | {
        "task": "histopathology",
        "input": {
            **{"side": 64, "crop": 0.6, "overlap": 0.3},
            **{"magnifications": [100], "field": [96, 144]},
        },
        "calibration": {"malignant": [-2, 3]},
        "figures": {"summary": "On 3 patients accuracy 0.51 (0.20 to 0.80)."},
    }
    (tmp_path / "made.json").write_text(json.dumps(values))
    return HistopathologyCard.read(tmp_path / "made.json")
