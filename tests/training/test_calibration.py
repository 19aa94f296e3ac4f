from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.fusion import fuse, rescore
from mammoscope.geometry import Frame
from mammoscope.training.calibration import SHOWN_FPPI, calibrate
from mammoscope.training.predict import Looked
from mammoscope.types import Detections

FRAME = Frame(2000, 1000)
MASS = np.array([[100.0, 100.0, 200.0, 200.0]])


def looked(raw_of_chance: float, seed: int = 0, images: int = 300) -> list[Looked]:
    """Images with a mass, on which each path marks the mass with a chance and something else.

    Regions with chance p of being the mass get the raw score p ** raw_of_chance.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(images):
        regions = {}
        for path in ("whole", "crops"):
            chance = rng.uniform(0.05, 0.95)
            is_mass = rng.random() < chance
            x = 100.0 if is_mass else 600.0
            box = [x, 100.0, x + 100, 200.0]
            regions[path] = Detections.of([box], [chance**raw_of_chance], FRAME, path)
        image = AnnotatedImage(Path(f"{number}.png"), str(number), MASS, (None,))
        found.append(Looked(image, regions))
    return found


@pytest.mark.parametrize("path", ["whole", "crops"])
def test_scores_become_the_chance_of_a_mass(path: str) -> None:
    coefficients = tuple(calibrate(looked(2.0, images=2000))["calibration"][path])
    fresh = looked(2.0, seed=1, images=4000)
    scores = np.array([rescore(*_raw(one, path), coefficients).scores[0] for one in fresh])
    is_mass = np.array([one.found[path].boxes[0, 0] < 300 for one in fresh])
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        among = (scores > low) & (scores < high)
        assert abs(is_mass[among].mean() - scores[among].mean()) < 0.08


def _raw(one: Looked, path: str) -> tuple[Detections, np.ndarray]:
    regions = one.found[path]
    return regions, regions.scores[:, None]


def test_a_mass_that_both_paths_mark_is_surer_than_one_that_one_marks() -> None:
    coefficients = tuple(calibrate(looked(1.0))["calibration"]["both"])
    mark = Detections.of(MASS, [0.5], FRAME, "whole")
    nothing = Detections.of([], [], FRAME, "crops")
    both = fuse(mark, Detections.of(MASS, [0.5], FRAME, "crops"), coefficients)
    assert both.scores[0] > fuse(mark, nothing, coefficients).scores[0]


def test_the_threshold_lets_so_many_false_positives_through() -> None:
    images = looked(1.0)
    found = calibrate(images)
    coefficients, threshold = tuple(found["calibration"]["both"]), found["threshold"]["both"]
    false = 0
    for one in images:
        regions = fuse(one.found["whole"], one.found["crops"], coefficients)
        false += int((regions.boxes[regions.scores >= threshold][:, 0] > 300).sum())
    assert abs(false / len(images) - SHOWN_FPPI) < 0.05


def test_without_a_single_hit_scores_stay_raw() -> None:
    misses = looked(1.0)
    for one in misses:
        for path, regions in one.found.items():
            away = [*regions.boxes, 500.0, 500.0, 500.0, 500.0]
            one.found[path] = Detections.of(away, regions.scores, FRAME, path)
    found = calibrate(misses)
    assert found["calibration"] == {}
    assert set(found["threshold"]) == {"whole", "crops", "both", "rule"}
