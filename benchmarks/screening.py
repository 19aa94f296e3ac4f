r"""Default threshold and exam score: chosen on one half of women, told of the other.

    python benchmarks/screening.py screening-dev:PATH mias-normals:PATH --out OUT
    python benchmarks/screening.py screening-dev:PATH mias-normals:PATH --out OUT --threshold 0.25

The women of each set are split in two by a fixed seed. On the first halves is chosen the least
score at which normal images of no set get more than MARKS marks on average, upper end of the 95 %
interval; on that of the first set the scores that 10, 20 ... 90 % of its normal images stay below
(the steps of the exam score), and the scores for 90 % sensitivity and 90 % specificity. All figures
are of the other halves. OUT/images.csv holds what was found on each image, and is taken again;
OUT/chosen.json is for the card. Nothing learns from a set that is to measure on only.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope import datasets
from mammoscope.annotations.splits import split_by_patient
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.classification import OnnxClassifier
from mammoscope.detection.detector import OnnxDetector
from mammoscope.detection.fusion import fused
from mammoscope.detection.place import rescored
from mammoscope.detection.second_look import OnnxSecondLook, find_second_look
from mammoscope.evaluation.metrics.bootstrap import interval, resamples
from mammoscope.evaluation.metrics.estimates import Estimate, measure
from mammoscope.evaluation.metrics.roc import area_under_roc
from mammoscope.files import DISCLAIMER, ensure_folder, write_json
from mammoscope.geometry import FloatArray
from mammoscope.models import ClassifierCard, DetectorCard, find_card
from mammoscope.models.detector_card import PATHS
from mammoscope.pipeline import LEAST_CLASSIFIED
from mammoscope.preprocessing import Preprocessed, preprocess
from mammoscope.reading import read
from mammoscope.tables import read_table, write_table
from mammoscope.types import Detections

MARKS = 0.5
"""Marks on a normal image that the default threshold may give: the upper end of the 95 % interval
on the first half of each set."""

SEED, BOOTSTRAP = 0, 1000
COLUMNS = ("image", *PATHS, "malignancy")


@dataclass(frozen=True)
class Seen:
    """What was found on images: scores of each one's marks by path, and of its malignancy (I,)."""

    images: tuple[AnnotatedImage, ...]
    marks: dict[str, tuple[FloatArray, ...]]
    malignancy: FloatArray

    def only(self, paths: set[Path]) -> Seen:
        """Those of some files."""
        at = [i for i, image in enumerate(self.images) if image.path in paths]
        marks = {path: tuple(of[i] for i in at) for path, of in self.marks.items()}
        return Seen(tuple(self.images[i] for i in at), marks, self.malignancy[at])

    @property
    def top(self) -> FloatArray:
        """The highest score (I,) of each image's marks."""
        return np.array([scores.max(initial=0.0) for scores in self.marks["both"]])

    @property
    def normal(self) -> np.ndarray:
        """(I,) whether an image was read as normal, or is known to hold no lesion."""
        return np.array(
            [
                image.image_label == "negative" and (image.birads == "1" or image.boxes_known)
                for image in self.images
            ]
        )

    @property
    def cancer(self) -> np.ndarray:
        """(I,) whether an image is of a breast with cancer."""
        return np.array([image.image_label == "malignant" for image in self.images])

    def above(self, threshold: float) -> FloatArray:
        """How many marks (I,) each image has from ``threshold`` up."""
        return np.array([float((scores >= threshold).sum()) for scores in self.marks["both"]])


@dataclass(frozen=True)
class Figures:
    """Marks and clean images among normal ones, cancers marked, and AUC by both scores."""

    seen: Seen
    threshold: float

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return len(self.seen.images)

    def __call__(self, weights: FloatArray) -> tuple[FloatArray]:
        """(B, 5) for weights (B, I)."""
        seen, marks = self.seen, self.seen.above(self.threshold)
        normal, cancer = weights[:, seen.normal], weights[:, seen.cancer]
        with np.errstate(invalid="ignore", divide="ignore"):
            told = [
                normal @ marks[seen.normal] / normal.sum(axis=1),
                normal @ (marks[seen.normal] == 0) / normal.sum(axis=1),
                cancer @ (marks[seen.cancer] > 0) / cancer.sum(axis=1),
            ]
        which = seen.normal | seen.cancer
        for scores in (seen.top, seen.malignancy):
            told.append(area_under_roc(scores[which], seen.cancer[which], weights[:, which]))
        return (np.stack(told, axis=1),)

    def patients(self, names: Sequence[str]) -> tuple[FloatArray]:
        """How many patients each rests on."""
        seen = self.seen
        groups = (seen.normal, seen.normal, seen.cancer, seen.cancer, seen.cancer)
        who = np.array(names)
        return (np.array([len(set(who[group])) for group in groups], dtype=float),)


HEADS = (
    "marks a normal image",
    "clean normals",
    "cancers marked",
    "AUC, best mark",
    "AUC, malignancy",
)


def main() -> None:
    """Look, choose, print a table, leave OUT/chosen.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("specs", nargs="+", help="ADAPTER:PATH, the first with cancer yes or no")
    parser.add_argument("--model", type=Path, help="card of the detector; default: the shipped one")
    parser.add_argument("--second-look", help="its card, or off; default: the shipped one")
    parser.add_argument("--threshold", type=float, help="instead of the one chosen here")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    ensure_folder(given.out)
    images = tuple(image for spec in given.specs for image in datasets.load(spec))
    models = Models.found(given.model, given.second_look)
    seen = look(images, models, given.out / "images.csv", given.workers)
    reported, first = split_by_patient(images, 0.5, SEED)
    here = seen.only({image.path for image in first})
    there = seen.only({image.path for image in reported})
    chosen = choose(by_source(here))
    write_json(given.out / "chosen.json", chosen)
    print(json.dumps(chosen, indent=2))
    threshold = chosen["threshold"]["both"] if given.threshold is None else given.threshold
    print(f"The other halves at threshold {threshold:g}:\n")
    print(f"| images | {' | '.join(HEADS)} |\n|{'---|' * (1 + len(HEADS))}")
    of_sources = by_source(there)
    (source, there), *_ = of_sources.items()
    for name, part in {**of_sources, **by_machine(there)}.items():
        cells = (as_text(e) for e in figures(part, threshold))
        print(f"| {name}, {describe(part)} | {' | '.join(cells)} |")
    print(
        "\nExam score, steps chosen on the first half: images of the other half by score 1 to 10"
        f" ({source})"
    )
    for name, which in (("normal", there.normal), ("cancer", there.cancer)):
        steps = np.searchsorted(chosen["exam_score"]["steps"], there.malignancy[which], "right")
        print(f"{name}: {np.bincount(steps, minlength=10).tolist()}")
    for name, least in chosen["exam_score"]["operating_points"].items():
        found = there.malignancy >= least
        print(
            f"{name}: sensitivity {found[there.cancer].mean():.2f}, "
            f"specificity {1 - found[there.normal].mean():.2f} on the other half"
        )
    print(
        f"95 % intervals from {BOOTSTRAP} resamples of patients. Of women that no weight has"
        " learnt from."
    )
    print(DISCLAIMER)


@dataclass(frozen=True)
class Models:
    """Detector, second look if there is one, and classifier."""

    detector: OnnxDetector
    second_look: OnnxSecondLook | None
    classifier: OnnxClassifier

    @classmethod
    def found(cls, detector: Path | None, second_look: str | None) -> Models:
        """By their cards; the shipped ones where none is named."""
        return cls(
            OnnxDetector(find_card(DetectorCard, detector)),
            find_second_look(second_look),
            OnnxClassifier(find_card(ClassifierCard, None)),
        )

    def find(self, breast: Preprocessed) -> dict[str, Detections]:
        """The marks by path, each with what its place and the second look say."""
        looked, card = self.detector.look(breast.mammogram), self.detector.card
        found = {path: fused(looked, path, card) for path in PATHS}
        if card.place:
            found = {path: rescored(marks, breast, card.place) for path, marks in found.items()}
        if self.second_look is None:
            return found
        return {
            path: self.second_look.judge(breast.mammogram, marks, card.threshold[path])[0]
            for path, marks in found.items()
        }


def look(images: tuple[AnnotatedImage, ...], models: Models, table: Path, workers: int) -> Seen:
    """What the models find on each image; what ``table`` holds is not looked for again."""
    if not table.exists():

        def row(image: AnnotatedImage) -> dict[str, object]:
            # The muscle is looked for where the view is known.
            told = replace(read(image.path), laterality=image.laterality, view=image.view)
            prepared = preprocess(told)
            found, breast = models.find(prepared), prepared.mammogram
            scores = {path: " ".join(f"{s:.6f}" for s in found[path].scores) for path in PATHS}
            best = found["both"][:LEAST_CLASSIFIED]
            chances = np.sqrt(best.scores) * models.classifier.classify(breast, best.boxes)
            return {"image": image.path.name, **scores, "malignancy": chances.max(initial=0.0)}

        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(row, images))
        write_table(table, COLUMNS, found)
    rows = {row.name("image"): row for row in read_table(table, COLUMNS)}
    told = [rows[image.path.name] for image in images]
    marks = {
        path: tuple(np.array([float(s) for s in row.text(path).split()]) for row in told)
        for path in PATHS
    }
    return Seen(images, marks, np.array([row.number("malignancy") for row in told]))


def choose(sources: dict[str, Seen]) -> dict[str, Any]:
    """Threshold, steps of the exam score and operating points, the latter of the first source."""
    thresholds = {path: max(_least(s, path) for s in sources.values()) for path in PATHS}
    (name, seen), *_ = sources.items()
    normal, cancer = seen.malignancy[seen.normal], seen.malignancy[seen.cancer]
    steps = np.quantile(normal, np.arange(1, 10) / 10)
    others = ", ".join(f"{name}: {describe(seen)}" for name, seen in sources.items())
    rule = (
        f"at most {MARKS:g} marks a normal image, upper end of 95 %, on one half of the women of"
        f" each set, {others}"
    )
    return {
        "threshold": thresholds | {"rule": rule},
        "exam_score": {
            "of": f"normal images of one half of the women of {name}: {describe(seen)}",
            "steps": [round(float(step), 6) for step in steps],
            "operating_points": {
                "90 % sensitivity": round(float(np.quantile(cancer, 0.1, method="lower")), 6),
                "90 % specificity": round(float(np.quantile(normal, 0.9, method="higher")), 6),
            },
        },
    }


def _least(seen: Seen, path: str) -> float:
    """The least score in thousandths at which normal images keep to :data:`MARKS`."""
    at = np.flatnonzero(seen.normal)
    patients = [seen.images[i].patient_id for i in at]
    weights = np.concatenate(list(resamples(patients, BOOTSTRAP, SEED, BOOTSTRAP)))
    low, high = 0, 1000
    while low < high:
        middle = (low + high) // 2
        marks = np.array([(seen.marks[path][i] >= middle / 1000).sum() for i in at], dtype=float)
        _, upper = interval(weights @ marks / weights.sum(axis=1)) or (0.0, math.inf)
        low, high = (low, middle) if upper <= MARKS else (middle + 1, high)
    return low / 1000


def by_source(seen: Seen) -> dict[str, Seen]:
    """By the set that images are of, in the order of the images."""
    names = dict.fromkeys(image.source or "" for image in seen.images)
    return {
        name: seen.only({image.path for image in seen.images if image.source == name})
        for name in names
    }


def figures(seen: Seen, threshold: float) -> Sequence[Estimate]:
    """The figures of :data:`HEADS`, with intervals."""
    patients = [image.patient_id for image in seen.images]
    (told,) = measure(Figures(seen, threshold), patients, BOOTSTRAP, seed=0)
    return list(told)


def by_machine(seen: Seen) -> dict[str, Seen]:
    """By the name of the machine, the most used first."""
    machines = [image.machine or "unknown" for image in seen.images]
    names = sorted(set(machines), key=lambda name: (-machines.count(name), name))
    return {
        f"machine {name}": seen.only(
            {i.path for i, m in zip(seen.images, machines, strict=True) if m == name}
        )
        for name in names
        if machines.count(name) >= 20
    }


def describe(seen: Seen) -> str:
    """How many images of whom."""
    patients = len({image.patient_id for image in seen.images})
    return (
        f"{len(seen.images)} images of {patients} patients"
        f" ({seen.normal.sum()} read as normal, {seen.cancer.sum()} with cancer)"
    )


def as_text(estimate: Estimate) -> str:
    """A figure with its interval."""
    if estimate.value is None:
        return "-"
    if estimate.low is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


if __name__ == "__main__":
    main()
