"""Real film, where it is at hand: never part of the repository."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammoscope import datasets
from mammoscope.datasets import AnnotatedImage
from mammoscope.detection import OnnxDetector
from mammoscope.geometry import centers
from mammoscope.models import DetectorCard, find_card
from mammoscope.preprocessing import preprocess

DATA = Path(os.environ.get("MAMMOSCOPE_DATA", Path(__file__).parents[2] / "shared" / "data"))
FILM = DATA / "cbis-ddsm"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not FILM.is_dir(), reason=f"no real film in {FILM}"),
]


@pytest.fixture(scope="module")
def films() -> tuple[AnnotatedImage, ...]:
    images = datasets.load(f"cbis-square:{FILM}")
    return tuple(images[i] for i in np.random.default_rng(0).permutation(len(images))[:10])


def test_masses_lie_in_the_breast(films: tuple[AnnotatedImage, ...]) -> None:
    shares = []
    for film in films:
        mammogram = film.read()
        breast = preprocess(mammogram).breast.on(mammogram.frame)
        boxes = np.rint(mammogram.frame.boxes_from_source(film.boxes)).astype(int).clip(0)
        shares += [breast[y0:y1, x0:x1].mean() for x0, y0, x1, y1 in boxes.tolist()]
    assert np.mean(np.array(shares) > 0.8) >= 0.9


def test_a_muscle_is_found_on_most_oblique_views(films: tuple[AnnotatedImage, ...]) -> None:
    oblique = [film for film in films if film.view == "MLO"]
    found = [preprocess(replace(film.read(), view="MLO")).pectoral for film in oblique]
    assert sum(region is not None for region in found) >= 0.8 * len(oblique) > 0


def test_the_shipped_detector_was_really_trained(films: tuple[AnnotatedImage, ...]) -> None:
    """Not a figure: most of these films were in its training."""
    detector = OnnxDetector(find_card(DetectorCard))
    hits = 0
    for film in films:
        found = detector.find(preprocess(film.read()).mammogram)
        (best,) = centers(found.frame.boxes_to_source(found.boxes[:1]))
        inside = (film.boxes[:, :2] <= best) & (best <= film.boxes[:, 2:])
        hits += bool(inside.all(axis=1).any())
    assert hits >= len(films) / 2
