"""What a detector finds on annotated images, as tables for ``mammoscope evaluate``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.datasets import AnnotatedImage
from mammoscope.detection import OnnxDetector
from mammoscope.detection.fusion import fused
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder
from mammoscope.geometry import Frame
from mammoscope.models.detector_card import DetectorCard
from mammoscope.preprocessing import preprocess
from mammoscope.tables import BOX_COLUMNS, write_table
from mammoscope.training.engine.each import each
from mammoscope.types import Detections

FACTS = ("patient_id", "laterality", "view", "density", "subtlety")
"""What truth.csv says of an image beside its lesions, for figures by subgroup."""


@dataclass(frozen=True)
class Looked:
    """An image and what each path found on it, in pixels of the file, with raw scores."""

    image: AnnotatedImage
    found: dict[str, Detections]


def look_at(
    detector: OnnxDetector,
    images: Iterable[AnnotatedImage],
    on_error: Callable[[InputError], None],
    workers: int = 2,
) -> list[Looked]:
    """Run a detector on images; one that cannot be used is handed to ``on_error`` and left out."""

    def look(image: AnnotatedImage) -> Looked:
        mammogram = image.read()
        found = detector.look(preprocess(mammogram).mammogram)
        assert mammogram.source is not None  # noqa: S101  (a file was read: narrows the type)
        file = Frame(mammogram.source.rows, mammogram.source.columns)
        return Looked(image, {path: regions.on(file) for path, regions in found.items()})

    return each(images, look, on_error, workers)


def names_of(images: Iterable[AnnotatedImage]) -> dict[Path, str]:
    """What the tables call each image: its file name, with folders where file names repeat."""
    paths = [image.path for image in images]
    if len({path.name for path in paths}) == len(paths):
        return {path: path.name for path in paths}
    root = os.path.commonpath([path.parent for path in paths])
    return {path: path.relative_to(root).as_posix() for path in paths}


def write_truth(
    path: Path,
    images: Iterable[AnnotatedImage],
    names: Mapping[Path, str],
    fold: Mapping[Path, int] | None = None,
) -> None:
    """The lesions as ``truth.csv``, an image without any with one empty box.

    Parameters
    ----------
    fold
        Which fold of a cross-validation left each image out, for a column of that name.
    """
    rows: list[dict[str, object]] = []
    for image in images:
        facts = {"image": names[image.path]} | {name: getattr(image, name) for name in FACTS}
        facts |= {"fold": fold[image.path]} if fold else {}
        marked = zip(image.boxes.tolist(), image.labels, strict=True)
        rows += [facts | _box(box) | {"label": label} for box, label in marked]
        if not len(image.boxes):
            rows.append(facts)
    further = ("fold",) if fold else ()
    write_table(path, ("image", *BOX_COLUMNS, "label", *FACTS, *further), rows)


def write_predictions(
    folder: Path, said: Sequence[tuple[DetectorCard, Sequence[Looked]]], names: Mapping[Path, str]
) -> None:
    """``PATH.csv`` for each path that the first card knows, with the scores that each card gives.

    Parameters
    ----------
    said
        Models with what they found; folds of a cross-validation have one each.
    """
    ensure_folder(folder)
    for path in said[0][0].threshold:
        rows: list[dict[str, object]] = []
        for card, one in ((card, one) for card, looked in said for one in looked):
            regions = fused(one.found, path, card)
            facts = {"image": names[one.image.path], "patient_id": one.image.patient_id}
            for box, score in zip(regions.boxes.tolist(), regions.scores.tolist(), strict=True):
                rows.append(facts | _box([round(v, 2) for v in box]) | {"score": round(score, 6)})
        write_table(folder / f"{path}.csv", ("image", *BOX_COLUMNS, "score", "patient_id"), rows)


def _box(box: list[float]) -> dict[str, object]:
    return dict(zip(BOX_COLUMNS, box, strict=True))
