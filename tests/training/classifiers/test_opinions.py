from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.classification import Classifier
from mammoscope.models import ClassifierCard
from mammoscope.tables import read_table
from mammoscope.training.classifiers.lesions import Lesion
from mammoscope.training.classifiers.opinions import Opinions
from mammoscope.training.detectors.predict import names_of


@pytest.fixture
def said(write_classifier: Callable[..., ClassifierCard], lesions: list[Lesion]) -> Opinions:
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
    return Opinions.of(Classifier(card), lesions)


def test_each_lesion_is_looked_at_as_annotated_and_as_detected(
    said: Opinions, lesions: list[Lesion]
) -> None:
    detected = [lesion for lesion in lesions if len(lesion.boxes) > 1]
    assert 0 < len(detected) < len(lesions)
    expected = [(lesion, 0) for lesion in lesions] + [(lesion, 1) for lesion in detected]
    found = list(zip(said.lesions, said.box.tolist(), strict=True))
    assert [(id(a), box) for a, box in found] == [(id(a), box) for a, box in expected]
    logits = [lesion.shown[64, 1.6][box].mean() for lesion, box in expected]
    np.testing.assert_allclose(said.logits, logits, rtol=1e-5)
    assert said.malignant.tolist() == [lesion.malignant for lesion, _ in expected]


def test_what_was_said_is_written_with_the_boxes_that_were_looked_at(
    said: Opinions, tmp_path: Path
) -> None:
    names = names_of(lesion.image for lesion in said.lesions)
    p = np.linspace(0, 1, len(said.lesions))
    said.write(tmp_path, p, names)
    for box, whose in enumerate(("annotated", "detected")):
        rows = read_table(tmp_path / f"{whose}.csv").rows
        chosen = np.flatnonzero(said.box == box)
        assert len(rows) == len(chosen)
        for row, i in zip(rows, chosen, strict=True):
            lesion = said.lesions[i]
            assert row["image"] == lesion.image.path.name
            assert row["patient_id"] == lesion.image.patient_id
            assert row.box() == tuple(lesion.boxes[box])
            assert row.number("p_malignant") == pytest.approx(p[i], abs=1e-6)
            assert row.number("logit") == pytest.approx(said.logits[i], abs=1e-6)


def test_of_no_lesions_nothing_is_said(said: Opinions, tmp_path: Path) -> None:
    none = Opinions.joined([])
    assert (list(none.lesions), none.logits.shape, none.box.shape) == ([], (0,), (0,))
    both = Opinions.joined([none, said])
    assert list(both.lesions) == list(said.lesions)
    np.testing.assert_array_equal(both.box, said.box)
    none.write(tmp_path, np.zeros(0), {})
    assert not list(tmp_path.glob("*.csv"))
