from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.fusion import fused, rescore
from mammoscope.geometry import Frame
from mammoscope.models.detector_card import PATHS, DetectorCard
from mammoscope.training.detectors.calibration import SHOWN_FPPI, calibrate
from mammoscope.training.detectors.predict import Looked
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
    coefficients = tuple(calibrate(looked(2.0, images=2000), "these")["calibration"][path])
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
    card = card_with(calibrate(looked(1.0), "these"))
    mark = Detections.of(MASS, [0.5], FRAME, "whole")
    nothing = Detections.of([], [], FRAME, "crops")
    both = fused({"whole": mark, "crops": replace(mark)}, "both", card)
    assert both.scores[0] > fused({"whole": mark, "crops": nothing}, "both", card).scores[0]


def test_the_paths_count_alike() -> None:
    _, whole, crops = calibrate(looked(1.0, images=20), "these")["calibration"]["both"]
    assert whole == crops > 0


@pytest.mark.parametrize("images", [2, 3, 7, 300])
@pytest.mark.parametrize("path", ["whole", "both"])
def test_the_threshold_lets_no_more_false_positives_through(images: int, path: str) -> None:
    seen = looked(1.0, images=images)
    card = card_with(calibrate(seen, "these"))
    false = 0
    for one in seen:
        regions = fused(one.found, path, card)
        shown = regions.boxes[regions.scores >= card.threshold[path]]
        false += int((shown[:, 0] > 300).sum())
    assert false <= SHOWN_FPPI * images
    if images == 300:
        assert false > 0.9 * SHOWN_FPPI * images


def card_with(facts: dict[str, Any]) -> DetectorCard:
    threshold = {path: facts["threshold"][path] for path in PATHS}
    calibration = {path: tuple(values) for path, values in facts["calibration"].items()}
    return DetectorCard(Path("x.json"), "x", "1", "x", "", {}, 1, 1, threshold, calibration, None)


def test_without_a_single_hit_scores_stay_raw() -> None:
    misses = looked(1.0)
    for one in misses:
        for path, regions in one.found.items():
            away = regions.boxes + 500.0
            one.found[path] = Detections.of(away, regions.scores, FRAME, path)
    found = calibrate(misses, "these")
    assert found["calibration"] == {}
    assert set(found["threshold"]) == {"whole", "crops", "both", "rule"}
