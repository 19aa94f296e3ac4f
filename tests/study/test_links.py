from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.geometry import Frame
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.preprocessing import nipple_line, preprocess
from mammoscope.study.links import TOLERANCE, link
from mammoscope.types import Detections, ImageResult, Mammogram, NippleLine, SourceFacts

SPACING = (0.1, 0.1)
SOURCE = SourceFacts("a.dcm", "0" * 64, "DICOM", 1000, 800, 12)
DEPTH = 600.0


def view(name: str, distances: list[float], **facts: Any) -> ImageResult:
    """A view with findings at some pixels from the nipple, which lies 600 from the chest wall."""
    frame = facts.pop("frame", Frame(1000, 800, spacing_mm=SPACING, spacing_source="PixelSpacing"))
    turns = np.linspace(0, 1.2, len(distances))
    x = 700 - np.array(distances) * np.cos(turns)
    y = 400 + np.array(distances) * np.sin(turns)
    boxes = np.stack([x - 10, y - 10, x + 10, y + 10], axis=1)
    scores = np.linspace(0.9, 0.6, len(distances))
    known = {
        "laterality": "R",
        "view": name,
        "study_id": "1.2",
        "nipple_line": NippleLine((700.0, 400.0), (700 - DEPTH, 400.0)),
    }
    return ImageResult(
        name=f"r_{name}",
        source=SOURCE,
        frame=frame,
        detections=Detections.of(boxes, scores, frame, "whole"),
        threshold=0.5,
        **{**known, **facts},
    )


def pairs(*results: ImageResult) -> set[tuple[int, int]]:
    return {made.findings for made in link(results)}


def test_findings_as_far_from_the_nipple_are_linked_in_mm() -> None:
    (made,) = link([view("MLO", [330]), view("CC", [300])])
    assert made.images == ("r_CC", "r_MLO") and made.findings == (1, 1)
    assert made.nipple_distances == pytest.approx((30.0, 33.0)) and made.unit == "mm"
    assert (made.patient_id, made.study_id, made.laterality) == (None, "1.2", "R")


def test_the_tolerance_is_a_share_of_the_depth() -> None:
    just = TOLERANCE * DEPTH
    assert pairs(view("CC", [200]), view("MLO", [200 + just - 1])) == {(1, 1)}
    assert pairs(view("CC", [200]), view("MLO", [200 + just + 1])) == set()


def test_spacings_that_differ_are_taken_into_account() -> None:
    coarse = Frame(1000, 800, spacing_mm=(0.2, 0.2), spacing_source="PixelSpacing")
    assert pairs(view("CC", [400]), view("MLO", [200], frame=coarse)) == {(1, 1)}
    assert pairs(view("CC", [400]), view("MLO", [400], frame=coarse)) == set()


def test_without_spacing_images_of_one_size_are_compared_by_depth() -> None:
    frame = Frame(1000, 800)
    (made,) = link([view("CC", [300], frame=frame), view("MLO", [330])])
    assert made.unit == "depth" and made.nipple_distances == pytest.approx((0.5, 0.55))
    assert not link([view("CC", [300], frame=Frame(1001, 800)), view("MLO", [300], frame=frame)])


@pytest.mark.parametrize(
    "unknown",
    [
        {"laterality": None},
        {"view": None},
        {"view": "ML"},
        {"study_id": None},
        {"study_id": "9"},
        {"laterality": "L"},
        {"nipple_line": None},
        {"patient_id": "P2"},
    ],
)
def test_what_is_unknown_or_of_another_breast_is_not_linked(unknown: dict[str, Any]) -> None:
    assert not link([view("CC", [300]), replace(view("MLO", [300]), **unknown)])


def test_a_patient_is_enough_without_a_study() -> None:
    known = {"study_id": None, "patient_id": "P1"}
    assert pairs(view("CC", [300], **known), view("MLO", [300], **known)) == {(1, 1)}


def test_findings_that_are_not_shown_are_not_linked() -> None:
    assert not link([view("CC", [300]), replace(view("MLO", [300]), threshold=0.95)])


def test_the_nearest_pair_goes_first_and_each_is_linked_once() -> None:
    assert pairs(view("CC", [300, 340]), view("MLO", [345, 400])) == {(2, 1), (1, 2)}
    assert pairs(view("CC", [300, 340]), view("MLO", [345])) == {(2, 1)}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    cc=st.lists(st.floats(20, 600), max_size=5),
    mlo=st.lists(st.floats(20, 600), max_size=5),
)
def test_links_are_one_to_one_within_the_tolerance_whatever_the_order(
    cc: list[float], mlo: list[float]
) -> None:
    results = [view("CC", cc), view("MLO", mlo)]
    links = link(results)
    assert links == link(results[::-1])
    for end in (0, 1):
        numbers = [made.findings[end] for made in links]
        assert len(set(numbers)) == len(numbers)
    for made in links:
        a, b = made.nipple_distances
        assert abs(a - b) <= 0.1 * TOLERANCE * DEPTH + 1e-9
    # None is left that could still be linked.
    free = [
        (i, j)
        for i in set(range(1, len(cc) + 1)) - {made.findings[0] for made in links}
        for j in set(range(1, len(mlo) + 1)) - {made.findings[1] for made in links}
    ]
    assert all(abs(cc[i - 1] - mlo[j - 1]) > TOLERANCE * DEPTH - 1e-6 for i, j in free)


def phantom_view(name: Any, patient: int) -> ImageResult:
    """Both masses of a left phantom breast, in the same order on each view."""
    options = PhantomOptions(rows=300, columns=250, seed=5, patient=patient, masses=2)
    shown = make_phantom(name, "L", options)
    frame = Frame(
        *shown.pixels.shape, spacing_mm=(shown.spacing_mm,) * 2, spacing_source="PixelSpacing"
    )
    image = Mammogram(shown.pixels, frame, laterality="L", view=name)
    return ImageResult(
        name=name,
        source=SOURCE,
        frame=frame,
        detections=Detections.of(shown.boxes, [0.9, 0.8], frame, "whole"),
        threshold=0.5,
        nipple_line=nipple_line(preprocess(image)),
        laterality="L",
        view=name,
        patient_id=f"P{patient}",
    )


def test_masses_of_phantoms_are_linked_with_themselves_more_often_than_by_chance() -> None:
    """Their generator puts a mass about as far from the nipple on both views, as a breast does."""
    results = [phantom_view(name, patient) for patient in range(1, 13) for name in ("CC", "MLO")]
    right = [made.findings[0] == made.findings[1] for made in link(results)]
    assert len(right) >= 10
    assert np.mean(right) >= 0.7  # by chance: a half
