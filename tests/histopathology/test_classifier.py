from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mammoscope.errors import ModelError
from mammoscope.histopathology import TissueClassifier, heat_picture, write_heat
from mammoscope.histopathology.stain import STANDARD, Stains, normalised
from mammoscope.models import HistopathologyCard, read_card

Tissue = Callable[..., np.ndarray]


@pytest.fixture
def field(tissue: Tissue) -> np.ndarray:
    """Tissue whose left half is as dark as the right is pale."""
    pale = np.linspace(1.2, 0.5, 144)[None, :, None]
    return np.asarray(255 * (tissue(True, 1) / 255.0) ** pale, np.uint8)


def test_the_probability_is_the_calibrated_mean_over_all_pictures(
    paleness: HistopathologyCard, field: np.ndarray
) -> None:
    classifier = TissueClassifier(paleness)
    opinion = classifier.classify(field, 100)
    light = np.percentile(field.reshape(-1, 3), 99, axis=0)
    pictures = classifier.views.pictures(classifier.views.fit(field), light)
    wanted = 1 / (1 + np.exp(2 - 3 * pictures.mean()))
    assert opinion.p_malignant == pytest.approx(wanted, abs=1e-5)
    assert opinion.label == ("malignant" if wanted >= 0.5 else "benign")
    assert opinion.warnings == ()


def test_a_card_says_whether_stains_are_made_standard(
    paleness: HistopathologyCard, field: np.ndarray
) -> None:
    as_they_are = TissueClassifier(paleness)
    facts = {"input": {**paleness.facts["input"], "normalised": True}}
    paleness.path.write_text(json.dumps(dict(paleness.facts) | facts))
    classifier = TissueClassifier(HistopathologyCard.read(paleness.path))
    standard = normalised(classifier.views.fit(field), Stains.of(field))
    wanted = 1 / (1 + np.exp(2 - 3 * classifier.views.pictures(standard, STANDARD.light).mean()))
    assert classifier.classify(field).p_malignant == pytest.approx(wanted, abs=1e-5)
    assert as_they_are.classify(field).p_malignant != pytest.approx(wanted, abs=1e-3)


def test_heat_lies_where_the_evidence_is(paleness: HistopathologyCard, field: np.ndarray) -> None:
    heat = TissueClassifier(paleness).classify(field).heat
    assert heat is not None and heat.shape[1] > heat.shape[0]
    columns = heat.mean(axis=0)
    third = len(columns) // 3
    assert columns[-third:].mean() > columns[:third].mean() + 0.05


def test_of_what_is_no_stained_tissue_nothing_is_said(paleness: HistopathologyCard) -> None:
    opinion = TissueClassifier(paleness).classify(np.full((96, 144, 3), 255, np.uint8), 100)
    assert (opinion.label, opinion.p_malignant, opinion.heat) == (None, None, None)
    (warning,) = opinion.warnings
    assert warning.startswith("out of domain, not like H&E: stained in 0%")


def test_doubts_are_said(paleness: HistopathologyCard, tissue: Tissue) -> None:
    classifier = TissueClassifier(paleness)
    unknown = classifier.classify(tissue(True, 1))
    assert unknown.warnings == ("magnification unknown, the model was trained at 100X",)
    other = classifier.classify(tissue(True, 1, size=200), 400)
    assert other.warnings == (
        "magnification 400X, the model was trained at 100X",
        "300 x 200 pixels, the model was trained on fields of 144 x 96",
    )


def test_a_model_with_other_outputs_is_refused(
    tmp_path: Path, paleness: HistopathologyCard, write_model: Callable[..., Any]
) -> None:
    facts = dict(paleness.facts)
    facts |= write_model(
        "m (float[1,3,64,64] picture) => (float[1,3,64,64] y) { y = Exp (picture) }"
    )
    paleness.path.write_text(json.dumps(facts))
    card = read_card(paleness.path)
    assert isinstance(card, HistopathologyCard)
    with pytest.raises(ModelError, match="gives y, not logit and map"):
        TissueClassifier(card)


@pytest.mark.parametrize(
    "change", [{"calibration": {"malignant": [0, None]}}, {"input": {"side": 64}}, {"figures": {}}]
)
def test_a_card_that_lacks_something_is_refused(
    paleness: HistopathologyCard, change: dict[str, Any]
) -> None:
    paleness.path.write_text(json.dumps(dict(paleness.facts) | change))
    with pytest.raises(ModelError, match="not a readable model card"):
        HistopathologyCard.read(paleness.path)


def test_heat_is_vermilion_where_malignant_and_blue_where_benign(
    tmp_path: Path, field: np.ndarray
) -> None:
    heat = np.array([[0.0, 0.5, 1.0]], np.float32)
    picture = heat_picture(field, heat).astype(int)
    assert picture.shape == field.shape
    change = picture - field
    assert change[:, -10:, 0].mean() > change[:, -10:, 2].mean() + 20
    assert change[:, :10, 2].mean() > change[:, :10, 0].mean() + 20
    assert np.abs(change[:, 71:73]).max() <= 2
    write_heat(tmp_path / "heat.png", field, heat)
    read = cv2.imread(str(tmp_path / "heat.png"))
    assert read is not None
    legend, read = read[len(picture) :].astype(int), read[: len(picture)]
    assert len(legend) >= 14, "what the colours mean stands below"
    blue, red = legend[..., 0] - legend[..., 2] > 40, legend[..., 2] - legend[..., 0] > 40
    assert blue.any() and red.any() and np.nonzero(blue)[1].max() < np.nonzero(red)[1].min()
    assert (legend.sum(axis=2) < 200).any(), "and words"
    assert read is not None
    np.testing.assert_array_equal(read[..., ::-1], picture)
