from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mammoscope.classification import OnnxClassifier, explain
from mammoscope.classification.reference import TELLING
from mammoscope.geometry import Frame
from mammoscope.models import ClassifierCard
from mammoscope.types import Mammogram

Write = Callable[..., ClassifierCard]

BOXES = np.array([(20, 30, 60, 70), (90, 200, 130, 220), (100, 90, 180, 170.0)])

NO_MAP = """
    none (float[1,1,32,32] picture) => (float[1] logit) {
        places = Constant <value = int64[3] {1, 2, 3}> ()
        logit = ReduceMean <keepdims = 0> (picture, places)
    }
"""


def breast(mirrored: bool = False) -> Mammogram:
    """Noise with a bright spot about (150, 110) of a crop of a larger source."""
    pixels = np.random.default_rng(0).uniform(0.1, 0.4, (300, 200)).astype(np.float32)
    pixels[100:120, 140:160] = 1
    source = Frame(340, 230)
    frame = (source.flip_horizontal() if mirrored else source).crop(20, 30, 220, 330)
    return Mammogram(pixels, frame)


def test_the_mean_of_the_evidence_is_the_log_odds(write_classifier: Write) -> None:
    classifier = OnnxClassifier(write_classifier(calibration={"malignant": [-0.5, 3.0]}))
    p = classifier.classify(breast(), BOXES)
    said = explain(classifier, breast(), BOXES)
    means = [why.evidence.log_odds.mean() for why in said if why.evidence]
    assert means == pytest.approx(np.log(p / (1 - p)), abs=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
def test_evidence_lies_where_it_is_on_the_source(write_classifier: Write, mirrored: bool) -> None:
    """A model whose evidence is brightness, and one bright spot, far off the region's middle."""
    image = breast(mirrored)
    (why,) = explain(OnnxClassifier(write_classifier()), image, [[70, 110, 150, 190]])
    assert why.evidence is not None
    x0, y0, x1, y1 = why.evidence.box
    cells = why.evidence.log_odds.shape
    row, column = np.unravel_index(why.evidence.log_odds.argmax(), cells)
    x = x0 + (column + 0.5) / cells[1] * (x1 - x0)
    y = y0 + (row + 0.5) / cells[0] * (y1 - y0)
    ((left, top, right, bottom),) = image.frame.boxes_to_source([[140, 100, 160, 120]])
    assert left - 5 < x < right + 5 and top - 5 < y < bottom + 5
    assert (x1 - x0, y1 - y0) == pytest.approx((120, 120))


def test_the_same_features_are_given_whatever_the_model_takes(write_classifier: Write) -> None:
    with_map = explain(OnnxClassifier(write_classifier()), breast(), BOXES)
    without = explain(OnnxClassifier(write_classifier(NO_MAP)), breast(), BOXES)
    assert [why.features for why in with_map] == [why.features for why in without]
    assert list(without[0].features) == [telling.name for telling in TELLING]
    assert [why.evidence for why in without] == [None] * 3


def test_no_regions_need_no_explanation(write_classifier: Write) -> None:
    assert explain(OnnxClassifier(write_classifier()), breast(), []) == ()
