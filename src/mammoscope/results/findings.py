"""Findings as a flat table: a row each, for spreadsheets and data frames."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mammoscope.results.image import SCORE_DIGITS, box_px, box_size_mm, score_json
from mammoscope.tables import BOX_COLUMNS
from mammoscope.types import ImageResult

FINDING_COLUMNS = (
    *("study_id", "patient_id", "image", "name", "laterality", "view", "finding"),
    *(*BOX_COLUMNS, "height_mm", "width_mm", "score", "p_malignant", "path", "shown"),
)
"""``image`` is the file, ``finding`` the number on the overlay; boxes are xyxy in its pixels."""


def finding_rows(result: ImageResult) -> Iterator[dict[str, object]]:
    """A row for each finding of an image, best first, those that are not shown too.

    Numbers are rounded as in the image's JSON. None is what is unknown.
    """
    found = result.detections
    regions = zip(found.boxes, found.scores, found.p_malignant, found.path, strict=True)
    for number, (box, score, p, path) in enumerate(regions, 1):
        yield {
            "study_id": result.study_id,
            "patient_id": result.patient_id,
            "image": result.source.path,
            "name": result.name,
            "laterality": result.laterality,
            "view": result.view,
            "finding": number,
            **dict(zip(BOX_COLUMNS, box_px(box), strict=True)),
            **dict(
                zip(
                    ("height_mm", "width_mm"),
                    box_size_mm(box, result.frame) or (None, None),
                    strict=True,
                )
            ),
            "score": round(float(score), SCORE_DIGITS),
            "p_malignant": None if math.isnan(p) else score_json(float(p)),
            "path": str(path),
            "shown": "yes" if score >= result.threshold else "no",
        }
