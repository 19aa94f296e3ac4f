"""The result of one image as JSON, schema ``mammoscope/image-result/2``.

``schemas/image-result-2.json`` is its JSON Schema. It is the same, byte for byte, from run to run;
how long it took stands in the run's log. Schema 1, which had that in it, is read as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any

import numpy as np

from mammoscope.files import DISCLAIMER, PathLike
from mammoscope.geometry import Frame, as_boxes
from mammoscope.results.parsing import known, load_values
from mammoscope.study import image_malignancy
from mammoscope.study.exam import exam_score
from mammoscope.types import (
    DENSITIES,
    Density,
    Detections,
    Evidence,
    Explanation,
    Feature,
    ImageResult,
    LookAlike,
    ModelUse,
    NippleLine,
    SourceFacts,
)

IMAGE_SCHEMA = "mammoscope/image-result/2"
"""What is written."""

IMAGE_SCHEMAS = ("mammoscope/image-result/1", IMAGE_SCHEMA)
"""What is read."""

_PX_DIGITS = 2
_MM_DIGITS = 2
SCORE_DIGITS = 6
_LOG_ODDS_DIGITS = 3


def image_result_json(result: ImageResult) -> dict[str, Any]:
    """``result`` as plain values, keys in the schema's order.

    Boxes are rounded to 0.01 px, sizes to 0.01 mm, log-odds to 0.001, scores and features to
    six digits. ``shown`` is decided before rounding.
    """
    malignancy = image_malignancy(result)
    return {
        "schema": IMAGE_SCHEMA,
        "name": result.name,
        "source": source_json(result.source),
        "laterality": result.laterality,
        "view": result.view,
        "patient_id": result.patient_id,
        "study_id": result.study_id,
        "spacing_mm": None if result.frame.spacing_mm is None else list(result.frame.spacing_mm),
        "spacing_source": result.frame.spacing_source,
        "spacing_kind": result.frame.spacing_kind,
        "findings": findings_json(result),
        **lookalikes_json(result),
        "image_score": round(result.score, SCORE_DIGITS),
        "malignancy_score": score_json(malignancy),
        "exam_score": exam_score(malignancy, result.exam_steps),
        "exam_steps": list(result.exam_steps),
        "density": None if result.density is None else result.density.as_dict(),
        "threshold": round(float(result.threshold), SCORE_DIGITS),
        "malignant_threshold": result.malignant_threshold,
        "nipple_line_px": _line_json(result.nipple_line),
        "models": [asdict(model) for model in result.models],
        "warnings": list(result.warnings),
        "digest": result.digest,
        "disclaimer": DISCLAIMER,
    }


def source_json(source: SourceFacts) -> dict[str, Any]:
    """The facts of a file as plain values."""
    return asdict(source) | {"modifiers": list(source.modifiers)}


def findings_json(result: ImageResult) -> list[dict[str, Any]]:
    """The regions of ``result``, in its order, in pixels of the source image."""
    found = result.detections
    unexplained = len(found) - len(result.explanations)
    return [
        {
            "box_px": box_px(box),
            "score": round(float(score), SCORE_DIGITS),
            "p_malignant": None if math.isnan(p) else round(float(p), SCORE_DIGITS),
            "path": str(path),
            "size_mm": box_size_mm(box, result.frame),
            "shown": bool(score >= result.threshold),
            "explanation": None if why is None else _explanation_json(why),
        }
        for box, score, p, path, why in zip(
            found.boxes,
            found.scores,
            found.p_malignant,
            found.path,
            (*result.explanations, *(None,) * unexplained),
            strict=True,
        )
    ]


def lookalikes_json(result: ImageResult) -> dict[str, Any]:
    """``lookalikes``: what a second look took out of the findings. Only where there is any."""
    told = [
        {
            "box_px": box_px(np.asarray(each.box)),
            "kind": each.kind,
            "probability": round(each.probability, SCORE_DIGITS),
            "score": round(each.score, SCORE_DIGITS),
        }
        for each in result.lookalikes
    ]
    return {"lookalikes": told} if told else {}


def _explanation_json(why: Explanation) -> dict[str, Any]:
    """Features with their place among masses of known pathology, and evidence by place."""
    features = {
        name: asdict(feature) | {"value": round(feature.value, SCORE_DIGITS)}
        for name, feature in why.features.items()
    }
    if why.evidence is None:
        return {"features": features, "evidence": None}
    evidence = {
        "box_px": why.evidence.box.round(_PX_DIGITS).tolist(),
        "log_odds": why.evidence.log_odds.round(_LOG_ODDS_DIGITS).tolist(),
    }
    return {"features": features, "evidence": evidence}


def score_json(score: float | None) -> float | None:
    """A score to six digits, None where there is none."""
    return None if score is None else round(score, SCORE_DIGITS)


def _line_json(line: NippleLine | None) -> list[list[float]] | None:
    if line is None:
        return None
    return np.round([line.nipple, line.chest_wall], _PX_DIGITS).tolist()


def box_px(box: np.ndarray) -> list[float]:
    """A box to the hundredth of a pixel."""
    return [round(float(v), _PX_DIGITS) for v in box]


def box_size_mm(box: np.ndarray, frame: Frame) -> list[float] | None:
    """[height, width] in mm of a box in source pixels, or None where the spacing is unknown."""
    if frame.spacing_mm is None:
        return None
    down, along = frame.spacing_mm
    x0, y0, x1, y1 = (float(v) for v in box)
    return [round((y1 - y0) * down, _MM_DIGITS), round((x1 - x0) * along, _MM_DIGITS)]


def seconds_json(timings_s: Mapping[str, float]) -> dict[str, float]:
    """Seconds by phase, in the order of the phases, to a microsecond."""
    return {phase: round(float(seconds), 6) for phase, seconds in timings_s.items()}


def image_result_from_json(values: Mapping[str, Any]) -> ImageResult:
    """The inverse of :func:`image_result_json`, up to its rounding.

    Keys of later versions are passed over.

    Raises
    ------
    KeyError, TypeError, ValueError, GeometryError
        If ``values`` are not what :func:`image_result_json` makes. :func:`load_image_result`
        turns these into a ReadError that names the file.
    """
    if values["schema"] not in IMAGE_SCHEMAS:
        raise ValueError(f"schema is {values['schema']!r}, not {IMAGE_SCHEMA!r}")
    facts = known(SourceFacts, values["source"])
    source = SourceFacts(**facts | {"modifiers": tuple(facts.get("modifiers", ()))})
    spacing = values["spacing_mm"]
    frame = Frame(
        rows=source.rows,
        columns=source.columns,
        spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        spacing_source=values["spacing_source"],
    )
    return ImageResult(
        name=str(values["name"]),
        source=source,
        frame=frame,
        detections=_detections(values["findings"], frame),
        threshold=float(values["threshold"]),
        malignant_threshold=values.get("malignant_threshold"),
        exam_steps=tuple(float(step) for step in values.get("exam_steps", ())),
        density=_density(values.get("density")),
        explanations=_explanations(values["findings"]),
        lookalikes=tuple(map(_lookalike, values.get("lookalikes", ()))),
        nipple_line=_line(values.get("nipple_line_px")),
        laterality=values["laterality"],
        view=values["view"],
        patient_id=values["patient_id"],
        study_id=values["study_id"],
        models=tuple(ModelUse(**known(ModelUse, model)) for model in values["models"]),
        warnings=tuple(values["warnings"]),
        timings_s=dict(values.get("timings", {})),
        digest=values.get("digest"),
    )


def load_image_result(path: PathLike) -> ImageResult:
    """Read a file that holds :func:`image_result_json`.

    Raises
    ------
    ReadError
        If the file cannot be read, is not JSON or does not follow the schema.

    Examples
    --------
    >>> mammoscope.detect("left_mlo.dcm", paths="whole", classify=False).save("left_mlo.json")
    >>> mammoscope.load_image_result("left_mlo.json").view
    'MLO'
    """
    return load_values(path, image_result_from_json, "an image result")


def json_schema(schema: str) -> dict[str, Any]:
    """The shipped JSON Schema (draft 2020-12) of ``schema``, such as :data:`IMAGE_SCHEMA`.

    Raises
    ------
    ValueError
        If no such schema is shipped.
    """
    name = schema.removeprefix("mammoscope/").replace("/", "-") + ".json"
    folder = resources.files("mammoscope.results") / "schemas"
    if name not in {entry.name for entry in folder.iterdir()}:
        raise ValueError(f"no such schema: {schema!r}")
    return dict(json.loads((folder / name).read_text(encoding="utf-8")))


def _detections(findings: list[dict[str, Any]], frame: Frame) -> Detections:
    p_malignant = [np.nan if f["p_malignant"] is None else f["p_malignant"] for f in findings]
    return Detections(
        boxes=as_boxes([f["box_px"] for f in findings]),
        scores=np.array([f["score"] for f in findings], dtype=np.float64),
        p_malignant=np.array(p_malignant, dtype=np.float64),
        path=np.array([f["path"] for f in findings], dtype=np.str_),
        frame=frame,
    )


def _explanations(findings: list[dict[str, Any]]) -> tuple[Explanation, ...]:
    given = [why for f in findings if (why := f.get("explanation")) is not None]
    return tuple(
        Explanation(
            {name: _feature(feature) for name, feature in why["features"].items()},
            None if why["evidence"] is None else _evidence(why["evidence"]),
        )
        for why in given
    )


def _lookalike(values: Mapping[str, Any]) -> LookAlike:
    x0, y0, x1, y1 = (float(v) for v in values["box_px"])
    kind, said = str(values["kind"]), (float(values[name]) for name in ("probability", "score"))
    return LookAlike((x0, y0, x1, y1), kind, *said)


def _density(values: dict[str, Any] | None) -> Density | None:
    if values is None:
        return None
    a, b, c, d = (float(values["probabilities"][name]) for name in DENSITIES)
    return Density(DENSITIES[DENSITIES.index(values["category"])], (a, b, c, d))


def _feature(values: dict[str, Any]) -> Feature:
    return Feature(float(values["value"]), int(values["benign"]), int(values["malignant"]))


def _evidence(values: dict[str, Any]) -> Evidence:
    return Evidence(
        np.array(values["box_px"], dtype=np.float64),
        np.array(values["log_odds"], dtype=np.float64),
    )


def _line(points: list[list[float]] | None) -> NippleLine | None:
    if points is None:
        return None
    (x, y), (wall_x, wall_y) = points
    return NippleLine((float(x), float(y)), (float(wall_x), float(wall_y)))
