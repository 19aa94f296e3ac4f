"""Every figure: a patient that counts twice is one who is there twice, and other such laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.evaluation import (
    FIGURES,
    Comparison,
    EvaluationOptions,
    Predictions,
    Sample,
    Truth,
)
from mammoscope.geometry import FloatArray

LESIONS = ([0, 0, 10, 10], [100, 100, 140, 120])
MARKS = ([1, 0, 10, 10], [100, 100, 140, 121], [50, 50, 60, 60], [200, 200, 210, 210])
REGION = [45, 45, 70, 70]
OPTIONS = EvaluationOptions(bootstrap=0, threshold=0.4, specificity=0.7)
NAMES = tuple(FIGURES)


def made(seed: int, patients: int) -> tuple[Predictions, Truth]:
    """Four images a patient, with whatever a truth and a system may say of them."""
    rng = np.random.default_rng(seed)
    images = 4 * patients
    lesions = [list(LESIONS[: rng.integers(3)]) for _ in range(images)]
    boxes = [[m for m in MARKS if rng.random() < 0.6] for _ in range(images)]
    scores = [rng.integers(1, 9, len(some)) / 8 for some in boxes]
    p = [rng.integers(0, 9, len(some)) / 8 for some in boxes]
    truth = Truth.of(lesions, [f"p{i // 4}" for i in range(images)])
    truth = truth.with_image_column("laterality", ["L", "L", "R", "R"] * patients)
    labels = rng.choice(["benign", "malignant", ""], len(truth.boxes)).tolist()
    regions = np.flatnonzero(rng.random(images) < 0.3)
    truth = replace(
        truth.with_lesion_column("label", labels),
        ignored=np.array([REGION] * len(regions), dtype=float).reshape(-1, 4),
        ignored_on=regions,
        unmarked=(rng.random(images) < 0.2) & ~truth.has_lesion,
        cancer=tuple(rng.choice(["yes", "no", ""], images).tolist()),
    )
    return Predictions.of(boxes, scores, p_malignant=p), truth


def times(found: Predictions, truth: Truth, copies: list[int]) -> tuple[Predictions, Truth]:
    """Each patient as often as said, each time another one."""
    parts = [(i, k) for i, n in enumerate(copies) for k in range(n)]
    each = []
    for patient, k in parts:
        mine = np.array([name == f"p{patient}" for name in truth.patients])
        part = truth.on(mine)
        named = replace(
            part,
            images=tuple(f"{name}.{k}" for name in part.images),
            patients=tuple(f"{name}.{k}" for name in part.patients),
        )
        each.append((found.on(mine), named))
    starts = [4 * i for i in range(len(each))]

    def joined(name: str) -> FloatArray:
        return np.concatenate([getattr(t, name) for _, t in each])

    columns = {
        name: type(column)(
            tuple(v for _, t in each for v in t.columns[name].lesions),
            tuple(v for _, t in each for v in t.columns[name].images),
        )
        for name, column in truth.columns.items()
    }
    whole = Truth(
        images=tuple(name for _, t in each for name in t.images),
        patients=tuple(name for _, t in each for name in t.patients),
        boxes=joined("boxes"),
        image_of=np.concatenate([t.image_of + s for (_, t), s in zip(each, starts, strict=True)]),
        columns=columns,
        ignored=joined("ignored"),
        ignored_on=np.concatenate(
            [t.ignored_on + s for (_, t), s in zip(each, starts, strict=True)]
        ),
        unmarked=joined("unmarked").astype(np.bool_),
        cancer=tuple(word for _, t in each for word in t.cancer),
    )
    marks = Predictions(
        boxes=np.concatenate([f.boxes for f, _ in each]),
        scores=np.concatenate([f.scores for f, _ in each]),
        image_of=np.concatenate([f.image_of + s for (f, _), s in zip(each, starts, strict=True)]),
        p_malignant=np.concatenate([f.p_malignant for f, _ in each if f.p_malignant is not None]),
    )
    return marks, whole


def compared(found: Predictions, truth: Truth) -> Comparison:
    return Comparison.of(found, truth, OPTIONS)


def value(name: str, seen: Comparison, weights: FloatArray) -> FloatArray:
    return FIGURES[name].values(Sample(seen, weights), seen.every_lesion)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any))
def test_a_patient_that_counts_twice_is_one_who_is_there_twice(
    seed: int, copies: list[int]
) -> None:
    found, truth = made(seed, 4)
    weights = np.repeat(np.array(copies, dtype=float), 4)[None]
    once, drawn = compared(found, truth), compared(*times(found, truth, copies))
    for name in NAMES:
        if not FIGURES[name].applies(once):
            continue
        weighed = value(name, once, weights)
        counted = value(name, drawn, np.ones((1, 4 * sum(copies))))
        np.testing.assert_allclose(weighed, counted, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_figures_lie_in_their_range_and_weightings_do_not_touch_each_other(seed: int) -> None:
    found, truth = made(seed, 5)
    several = np.random.default_rng(seed).integers(0, 3, (6, 5)).repeat(4, axis=1).astype(float)
    seen = compared(found, truth)
    for name in NAMES:
        figure = FIGURES[name]
        if not figure.applies(seen):
            continue
        together = value(name, seen, several)
        alone = np.concatenate([value(name, seen, row[None]) for row in several])
        np.testing.assert_allclose(together, alone, rtol=1e-12, err_msg=name)
        known = together[~np.isnan(together)]
        assert figure.lowest is None or (known >= figure.lowest).all(), name
        assert figure.highest is None or (known <= figure.highest + 1e-12).all(), name


@pytest.mark.parametrize("name", ["ap", "auc", "sensitivity_at_fppi/1", "cancer/image/auc"])
def test_only_the_order_of_scores_counts(name: str) -> None:
    found, truth = made(3, 6)
    found = replace(found, p_malignant=None)
    squeezed = replace(found, scores=np.exp(found.scores * 7) - 1)
    weights = np.ones((1, len(truth.images)))
    first, second = compared(found, truth), compared(squeezed, truth)
    assert value(name, first, weights) == value(name, second, weights)
