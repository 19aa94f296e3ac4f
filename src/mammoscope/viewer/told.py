"""What the pages are told of a study, as plain values; what a reader may not see is not in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from mammoscope.classification.reference import PERCENTS, TELLING, reference
from mammoscope.results.image import findings_json
from mammoscope.study import StudyResult
from mammoscope.study.exam import exam_score
from mammoscope.types import ImageResult
from mammoscope.viewer.desk import Task
from mammoscope.viewer.frames import TILE
from mammoscope.viewer.hanging import hang
from mammoscope.viewer.library import ImageEntry, StudyEntry
from mammoscope.viewer.merging import MergedMark
from mammoscope.viewer.reads import Read

_SAID = ("origin", "label", "birads", "rating", "text")


def study_told(task: Task, said: StudyResult, read: Read, sees_model: bool) -> dict[str, Any]:
    """A task: its images, how they hang, the reader's own read, and the model where in sight."""
    study = task.study
    pairs = list(zip(study.images, said.images, strict=True))
    return {
        "key": task.key,
        "study": study.key,
        "mode": task.mode.value,
        "patient": study.patient_id,
        "study_id": study.study_id,
        "images": [image_told(entry, result) for entry, result in pairs],
        "hanging": hanging_told(study),
        "read": read_told(read),
        "model": model_told(said, pairs) if sees_model else None,
    }


def image_told(entry: ImageEntry, result: ImageResult) -> dict[str, Any]:
    """An image without anything that the model says of it."""
    rows, columns = result.frame.size
    levels = [(rows, columns)]
    while max(levels[-1]) > TILE:
        levels.append(((levels[-1][0] + 1) // 2, (levels[-1][1] + 1) // 2))
    spacing = result.frame.spacing_mm
    return {
        "key": entry.key,
        "name": entry.name,
        "laterality": entry.laterality,
        "view": entry.view,
        "rows": rows,
        "columns": columns,
        "levels": levels,
        "tile": TILE,
        "spacing_mm": list(spacing) if spacing else None,
        "spacing_source": result.frame.spacing_source,
        "intensity": result.source.intensity,
        "warnings": list(result.warnings),
    }


def hanging_told(study: StudyEntry) -> dict[str, Any]:
    """Rows of keys of images."""
    hanging = hang(study.images)
    return {
        "rows": [
            {"view": r.view, "R": [i.key for i in r.right], "L": [i.key for i in r.left]}
            for r in hanging.rows
        ],
        "loose": [image.key for image in hanging.loose],
    }


def model_told(
    said: StudyResult, pairs: Iterable[tuple[ImageEntry, ImageResult]]
) -> dict[str, Any]:
    """Findings on each image, links, and scores of breasts and exam."""
    pairs = list(pairs)
    key_of = {result.name: entry.key for entry, result in pairs}
    first = pairs[0][1]
    return {
        "findings": {entry.key: _findings(result) for entry, result in pairs},
        "lookalikes": {
            entry.key: [each.words for each in result.lookalikes] for entry, result in pairs
        },
        "threshold": first.threshold,
        "malignant_threshold": first.malignant_threshold,
        "links": [
            {
                "images": [key_of[name] for name in link.images],
                "findings": list(link.findings),
                "distances": [round(d, 3) for d in link.nipple_distances],
                "unit": link.unit,
            }
            for link in said.links
        ],
        "breasts": [{"side": b.laterality, "score": b.score} for b in said.breasts],
        "malignancy": said.patient.score if said.patient else None,
        "exam_scores": {
            entry.key: exam_score(score.score, result.exam_steps)
            for (entry, result), score in zip(pairs, said.scores, strict=True)
        },
        "densities": {
            entry.key: None if result.density is None else result.density.as_dict()
            for entry, result in pairs
        },
        "models": [model.name for model in first.models],
    }


def read_told(read: Read) -> dict[str, Any]:
    """A read as its reader sees it."""
    return {
        "state": read.state.value,
        "marks": [
            asdict(mark) | {"box": list(mark.box), "readers": list(mark.readers)}
            for mark in read.marks.values()
        ],
        "exam": asdict(read.exam),
        "saved": read.saved,
        "seconds": read.seconds,
        "images": None if read.images is None else sorted(read.images),
    }


def merged_told(merged: MergedMark) -> dict[str, Any]:
    """A place that readers have marked, with what each of them says."""
    return {
        "image": merged.image,
        "box": list(merged.box),
        "label": merged.label,
        "birads": merged.birads,
        "rating": merged.rating,
        "silent": list(merged.silent),
        "voices": [
            {
                "reader": voice.reader,
                "mode": voice.mode,
                "box": list(voice.mark.box),
                **{key: getattr(voice.mark, key) for key in _SAID},
            }
            for voice in merged.voices
        ],
    }


@cache
def reference_told() -> dict[str, Any]:
    """The telling features, and how they are spread over masses of known pathology."""
    known = reference()
    wanted = [PERCENTS.index(p) for p in (5, 25, 50, 75, 95)]
    count = " and ".join(f"{number} {kind}" for kind, number in known.masses.items())
    return {
        "about": f"{count}, of {known.source['name']}, {known.source['licence']}",
        "features": [
            {
                "name": telling.name,
                "title": telling.title,
                "meaning": telling.meaning,
                "percent": telling.percent,
                "spread": {
                    kind: np.asarray(quantiles)[wanted].round(4).tolist()
                    for kind, quantiles in known.quantiles[telling.name].items()
                },
            }
            for telling in TELLING
        ],
    }


def _findings(result: ImageResult) -> list[dict[str, Any]]:
    """Every finding with its number; the evidence itself is served as a picture."""
    told = []
    for number, finding in enumerate(findings_json(result), 1):
        why = finding.pop("explanation")
        told.append(
            {
                **finding,
                "number": number,
                "features": None if why is None else why["features"],
                "heat": None if why is None or not why["evidence"] else why["evidence"]["box_px"],
            }
        )
    return told
