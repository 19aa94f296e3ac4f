from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.classification import OnnxClassifier
from mammoscope.models import ClassifierCard
from mammoscope.tables import read_table
from mammoscope.training.classifiers.lesions import Lesion
from mammoscope.training.classifiers.predictions import LesionPredictions
from mammoscope.training.detectors.predict import names_of


@pytest.fixture
def found(
    write_classifier: Callable[..., ClassifierCard], lesions: list[Lesion]
) -> LesionPredictions:
    """Of a classifier that says how bright its picture of 64 pixels is."""
    card = write_classifier(
        """
        mean (float[1,1,64,64] picture) => (float[1] logit) {
            places = Constant <value = int64[3] {1, 2, 3}> ()
            logit = ReduceMean <keepdims = 0> (picture, places)
        }
        """,
        input={"side": 64, "margin": 1.6, "features": []},
    )
    return LesionPredictions.of(OnnxClassifier(card), lesions)


def test_each_lesion_is_looked_at_as_annotated_and_as_detected(
    found: LesionPredictions, lesions: list[Lesion]
) -> None:
    detected = [lesion for lesion in lesions if len(lesion.boxes) > 1]
    assert 0 < len(detected) < len(lesions)
    expected = [(lesion, 0) for lesion in lesions] + [(lesion, 1) for lesion in detected]
    pairs = list(zip(found.lesions, found.box.tolist(), strict=True))
    assert [(id(a), box) for a, box in pairs] == [(id(a), box) for a, box in expected]
    logits = [lesion.shown[64, 1.6][box].mean() for lesion, box in expected]
    np.testing.assert_allclose(found.logits, logits, rtol=1e-5)
    assert found.malignant.tolist() == [lesion.malignant for lesion, _ in expected]


def test_what_was_predicted_is_written_with_the_boxes_that_were_looked_at(
    found: LesionPredictions, tmp_path: Path
) -> None:
    names = names_of(lesion.image for lesion in found.lesions)
    p = np.linspace(0, 1, len(found.lesions))
    found.write(tmp_path, p, names)
    for box, whose in enumerate(("annotated", "detected")):
        rows = read_table(tmp_path / f"{whose}.csv").rows
        chosen = np.flatnonzero(found.box == box)
        assert len(rows) == len(chosen)
        for row, i in zip(rows, chosen, strict=True):
            lesion = found.lesions[i]
            assert row["image"] == lesion.image.path.name
            assert row["patient_id"] == lesion.image.patient_id
            assert row.box() == tuple(lesion.boxes[box])
            assert row.number("p_malignant") == pytest.approx(p[i], abs=1e-6)
            assert row.number("logit") == pytest.approx(found.logits[i], abs=1e-6)


def test_of_no_lesions_nothing_is_predicted(found: LesionPredictions, tmp_path: Path) -> None:
    none = LesionPredictions.joined([])
    assert (list(none.lesions), none.logits.shape, none.box.shape) == ([], (0,), (0,))
    both = LesionPredictions.joined([none, found])
    assert list(both.lesions) == list(found.lesions)
    np.testing.assert_array_equal(both.box, found.box)
    none.write(tmp_path, np.zeros(0), {})
    assert not list(tmp_path.glob("*.csv"))
