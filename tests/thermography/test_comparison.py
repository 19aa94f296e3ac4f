"""Figures that size cannot help."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.train
def test_among_cuts_of_one_size_the_size_says_nothing() -> None:
    comparison = pytest.importorskip(
        "mammoscope.thermography.comparison", reason="needs the extra [train]"
    )
    rng = np.random.default_rng(0)
    size = np.repeat([10.0, 20.0, 30.0], 40)
    unlike = rng.random(120) < np.repeat([0.1, 0.5, 0.9], 40)
    patients = [str(n) for n in range(120)]
    said = size + 0.001 * rng.standard_normal(120)
    assert comparison._figures(said, unlike, patients)["auc"].value > 0.75
    alone = comparison._same_size(said, unlike, size, patients)
    assert alone.low < 0.5 < alone.high
    knowing = comparison._same_size(unlike + 0.1 * said, unlike, size, patients)
    assert knowing.value > 0.95
