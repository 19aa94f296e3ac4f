from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mammoscope.classification.reference import TELLING
from mammoscope.geometry import Frame, as_boxes
from mammoscope.types import (
    Detections,
    Evidence,
    Explanation,
    ImageResult,
    Mammogram,
    ModelUse,
    SourceFacts,
)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def explanation() -> Explanation:
    """Of the first box of ``make_result``."""
    features = {telling.name: 0.25 + 0.125 * i for i, telling in enumerate(TELLING)}
    evidence = Evidence(np.array([10.0, 30, 70, 90]), np.linspace(-2, 4, 36).reshape(6, 6))
    return Explanation(features, evidence)


@pytest.fixture
def mammogram() -> Mammogram:
    """A bright ellipse on black, 300 rows by 200 columns, 0.1 mm a pixel."""
    rows, columns = 300, 200
    y, x = np.mgrid[:rows, :columns]
    inside = (x / 150) ** 2 + ((y - 150) / 130) ** 2 < 1
    pixels = np.where(inside, 0.3 + 0.4 * y / rows, 0).astype(np.float32)
    frame = Frame(rows, columns, spacing_mm=(0.1, 0.1), spacing_source="ImagerPixelSpacing")
    return Mammogram(pixels, frame, laterality="L", view="CC")


@pytest.fixture
def make_result(mammogram: Mammogram) -> Callable[..., ImageResult]:
    def make(
        boxes: Any = ((20, 30, 60, 90), (100, 120, 140, 150)),
        scores: Any = (0.9, 0.2),
        p_malignant: Any = None,
        **fields: Any,
    ) -> ImageResult:
        frame = fields.pop("frame", mammogram.frame)
        name = fields.pop("name", "left_cc")
        found = Detections(
            boxes=as_boxes(boxes),
            scores=np.asarray(scores, dtype=np.float64),
            p_malignant=np.asarray(
                np.full(len(scores), np.nan) if p_malignant is None else p_malignant,
                dtype=np.float64,
            ),
            path=np.array(["whole"] * len(scores), dtype="<U5"),
            frame=frame,
        )
        plain = ImageResult(
            name=name,
            source=SourceFacts(
                path=f"study/{name}.dcm",
                sha256=sha256(name),
                kind="DICOM",
                rows=frame.rows,
                columns=frame.columns,
                bits_stored=12,
                intensity="VOI window, linear",
            ),
            frame=frame,
            detections=found,
            threshold=0.5,
            laterality="L",
            view="CC",
            patient_id="P1",
            study_id="1.2.3",
            models=(ModelUse("detector", sha256("weights")),),
            warnings=("Something to know.",),
            timings_s={"read": 0.25, "detect": 1.5},
        )
        return replace(plain, **fields)

    return make
