from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.geometry import FloatArray
from mammoscope.study.levels import score_breasts, score_images, score_patients

IMAGES, BREASTS, PATIENTS = 6, 4, 2
BREAST_OF = np.array([0, 0, 1, 1, 2, 3])
PATIENT_OF = np.array([0, 0, 1, 1])
SIDED = np.array([True, True, True, False])

chance = st.floats(0, 1)
findings = st.lists(st.tuples(st.integers(0, IMAGES - 1), chance, chance), max_size=12)
Findings = list[tuple[int, float, float]]


def levels(found: Findings) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scores of images, breasts and patients from findings: image, score, p_malignant."""
    image_of = np.array([image for image, _, _ in found], dtype=np.int64)
    scores, p = (np.array([f[k] for f in found], dtype=np.float64) for k in (1, 2))
    images = score_images(scores, p, image_of, IMAGES)
    breasts = score_breasts(images, BREAST_OF, SIDED)
    return images, breasts, score_patients(breasts, PATIENT_OF)


@settings(deadline=None)
@given(findings, st.data())
def test_no_score_falls_as_a_finding_becomes_more_likely_malignant(
    found: Findings, data: st.DataObject
) -> None:
    raised = [(i, s, data.draw(st.floats(p, 1))) for i, s, p in found]
    for before, after in zip(levels(found), levels(raised), strict=True):
        assert ((after >= before) | np.isnan(before)).all()


@settings(deadline=None)
@given(findings)
def test_the_order_of_the_findings_does_not_matter(found: Findings) -> None:
    for one, other in zip(levels(found), levels(sorted(found)), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None)
@given(findings)
def test_scores_are_in_0_to_1_and_a_breast_of_unknown_side_and_its_patient_have_none(
    found: Findings,
) -> None:
    images, breasts, patients = levels(found)
    assert np.isnan(breasts).tolist() == [False, False, False, True]
    assert np.isnan(patients).tolist() == [False, True]
    for scores in (images, breasts[SIDED], patients[:1]):
        assert ((scores >= 0) & (scores <= 1)).all()


@settings(deadline=None)
@given(findings)
def test_a_finding_that_no_classifier_has_seen_changes_nothing(found: Findings) -> None:
    for one, other in zip(levels(found), levels([*found, (0, 1.0, np.nan)]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rule_in_figures() -> None:
    images, breasts, patients = levels(
        [(0, 0.25, 0.8), (0, 0.81, 0.1), (1, 1.0, 0.2), (2, 0.25, 0.2)]
    )
    assert images == pytest.approx([0.4, 0.2, 0.1, 0, 0, 0])
    assert breasts == pytest.approx([0.3, 0.05, 0, np.nan], nan_ok=True)
    assert patients == pytest.approx([0.3, np.nan], nan_ok=True)
