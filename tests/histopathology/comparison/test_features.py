from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mammoscope.histopathology.comparison.features import describe_tissue, table_of

Tissue = Callable[..., np.ndarray]


def test_every_field_has_the_same_finite_features(tissue: Tissue) -> None:
    blank = describe_tissue(np.full((100, 150, 3), 255, np.uint8))
    described = [describe_tissue(tissue(malignant, 1)) for malignant in (False, True)]
    assert all(list(each) == list(blank) for each in described)
    table = table_of([blank, *described])
    assert table.dtype == np.float32 and np.isfinite(table).all()


def test_nuclei_of_malignant_tissue_are_more_and_larger(tissue: Tissue) -> None:
    benign, malignant = (describe_tissue(tissue(which, 2, size=230)) for which in (False, True))
    for name in ("nuclei.share", "nuclei.density", "nuclei.area_mean"):
        assert malignant[name] > 1.3 * benign[name]


def test_features_do_not_depend_on_how_the_slide_lies(tissue: Tissue) -> None:
    rgb = tissue(True, 3, size=230)
    upright = describe_tissue(rgb)
    turned = describe_tissue(np.ascontiguousarray(np.rot90(rgb, 2)))
    for name, value in upright.items():
        assert turned[name] == pytest.approx(value, rel=0.1, abs=0.03), name
