"""Results as far as an evaluation needs them, from this version or from another's writer.

A second reader beside :func:`~mammoscope.results.load_image_result`, on purpose. That one wants the
whole of the schema, for a viewer shows all of it; an evaluation may be of another system, whose
writer says no more than path, boxes, scores and threshold, or of results of years ago. What both
read has the same names of schemas and the same keys.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammoscope.errors import TableError
from mammoscope.files import read_file
from mammoscope.results.image import IMAGE_SCHEMA, IMAGE_SCHEMAS
from mammoscope.results.run import RUN_SCHEMAS, UNFINISHED
from mammoscope.tables import Box


@dataclass(frozen=True)
class BriefFinding:
    """A finding: its box in source pixels, score, and p_malignant or NaN."""

    box: Box
    score: float
    p_malignant: float


@dataclass(frozen=True)
class BriefResult:
    """What the result of one image says.

    Parameters
    ----------
    path
        The image.
    said
        Words and whole numbers that stand in the result by their keys, such as ``laterality``, and
        the category of the ``density``.
    """

    path: str
    findings: tuple[BriefFinding, ...]
    threshold: float
    malignant_threshold: float | None
    said: Mapping[str, str]


@dataclass(frozen=True)
class BriefRun:
    """What a run says: its command, and the paths of the images that gave a result or did not.

    ``finished`` is False while it goes on, or when it died.
    """

    command: str
    images: tuple[str, ...]
    failures: tuple[str, ...]
    finished: bool = True


def read_briefly(path: Path) -> BriefResult | BriefRun | None:
    """What a JSON file says; None where it holds something else.

    Stricter than the schema in nothing, and content with less: :func:`load_image_result` and
    :func:`load_run` want the whole.

    Raises
    ------
    TableError
        If it cannot be read, is not JSON, or lacks something.
    """
    try:
        values = json.loads(read_file(path))
    except OSError as error:
        raise TableError(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON: {error}") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema not in (*IMAGE_SCHEMAS, *RUN_SCHEMAS):
        if str(schema).startswith(IMAGE_SCHEMA.rpartition("/")[0]):
            raise TableError(path, f"schema is {schema}, this version reads {IMAGE_SCHEMA}")
        return None
    is_result = schema in IMAGE_SCHEMAS
    what = "an image result" if is_result else "a run's summary"
    try:
        return _result(values) if is_result else _run(values)
    except KeyError as error:
        raise TableError(path, f"not {what}: it lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise TableError(path, f"not {what}: {error}") from error


def _result(values: Mapping[str, Any]) -> BriefResult:
    malignant = values.get("malignant_threshold")
    return BriefResult(
        path=str(values["source"]["path"]),
        findings=tuple(_finding(finding) for finding in values["findings"]),
        threshold=_finite(values["threshold"]),
        malignant_threshold=None if malignant is None else _probability(malignant),
        said=_said(values),
    )


def _said(values: Mapping[str, Any]) -> dict[str, str]:
    said = {key: str(value) for key, value in values.items() if isinstance(value, str | int)}
    density = values.get("density")
    return said | ({"density": str(density["category"])} if isinstance(density, dict) else {})


def _finding(values: Mapping[str, Any]) -> BriefFinding:
    x0, y0, x1, y1 = (_finite(v) for v in values["box_px"])
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box {values['box_px']} has no area")
    p = values.get("p_malignant")
    return BriefFinding(
        box=(x0, y0, x1, y1),
        score=_finite(values["score"]),
        p_malignant=math.nan if p is None else _probability(p),
    )


def _run(values: Mapping[str, Any]) -> BriefRun:
    images, failures = (
        tuple(str(each["path"]) for each in values[which]) for which in ("images", "failures")
    )
    finished = values.get("state") != UNFINISHED
    return BriefRun(str(values.get("command")), images, failures, finished)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)


def _probability(value: Any) -> float:
    if not 0 <= _finite(value) <= 1:
        raise ValueError(f"{value!r} is not between 0 and 1")
    return float(value)
