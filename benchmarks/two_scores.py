r"""Two scores of the same marks against each other, by source, with intervals of the difference.

    python benchmarks/two_scores.py marks.csv truth.csv --before before --after score

marks.csv has a column of each score, as ``mammoscope train second-look`` writes it; truth.csv is
what lies beside it. Marks on normal images are counted where both scores find the same share of
all masses (centre rule). Intervals are 95 % from resamples of patients, the same for both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mammoscope.evaluation import EvaluationOptions, HitRule, Predictions, Truth
from mammoscope.evaluation.metrics.bootstrap import interval, resamples
from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.detection import AveragePrecision, ImageAuc, SensitivityAtFppi
from mammoscope.files import DISCLAIMER
from mammoscope.geometry import FloatArray, as_boxes
from mammoscope.tables import Box, Row, read_table

FOUND = (0.7, 0.8, 0.9)
"""Shares of the masses at which marks on normal images are counted."""

RESAMPLES, SEED = 500, 0
IOU, CENTRE = HitRule("iou", 0.5), HitRule("center", None)


@dataclass(frozen=True)
class Scored:
    """Marks on images by one score."""

    truth: Truth
    predictions: Predictions

    @cached_property
    def by_rule(self) -> dict[HitRule, Comparison]:
        """Held against the masses by either rule."""
        return {
            rule: Comparison.of(self.predictions, self.truth, EvaluationOptions(hit=rule))
            for rule in (IOU, CENTRE)
        }

    def figures(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Each (B,) for weights (B, I); what is not defined on the images is left out."""
        found: dict[str, FloatArray] = {}
        centre = Sample(self.by_rule[CENTRE], weights)
        seen = centre.comparison
        every = seen.every_lesion
        if len(self.truth.boxes):
            ap = AveragePrecision()
            found["AP, IoU 0.5"] = ap.values(Sample(self.by_rule[IOU], weights), every)
            found["AP, centre"] = ap.values(centre, every)
            for fppi in (0.25, 0.5, 1.0):
                found[f"sensitivity at {fppi:g} FPPI, centre"] = SensitivityAtFppi(fppi).values(
                    centre, every
                )
        if seen.normal.any() and (~seen.normal).any():
            found["AUC, image with a mass against normal"] = ImageAuc().values(centre, every)
            for share in FOUND:
                found[f"marks a normal image, {share:g} of masses found"] = self.marks_at(
                    weights, share
                )
        return found

    def marks_at(self, weights: FloatArray, share: float) -> FloatArray:
        """Marks (B,) on a normal image at the highest score that finds a share of the masses."""
        seen = self.by_rule[CENTRE]
        best = np.full(len(self.truth.boxes), -np.inf)
        hits = seen.matched >= 0
        np.maximum.at(best, seen.matched[hits], self.predictions.scores[hits])
        order = np.argsort(-best, kind="stable")
        of_mass = weights[:, self.truth.image_of[order]]
        so_far = np.cumsum(of_mass, axis=1) / of_mass.sum(axis=1, keepdims=True)
        least = best[order][(so_far < share).sum(axis=1).clip(max=len(best) - 1)]
        on_normal = seen.normal[self.predictions.image_of] & seen.counts
        scores = self.predictions.scores[on_normal]
        of_mark = weights[:, self.predictions.image_of[on_normal]]
        marks = (of_mark * (scores >= least[:, None])).sum(axis=1)
        return np.asarray(marks / weights[:, seen.normal].sum(axis=1))


def main() -> None:
    """Print a table a source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("marks", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--before", default="before", help="column of the one score")
    parser.add_argument("--after", default="score", help="column of the other")
    given = parser.parse_args()
    marks = list(read_table(given.marks, ("image", "source", given.before, given.after)))
    rows = list(read_table(given.truth, ("image", "patient_id")))
    source_of = {row["image"]: row["source"] for row in marks}
    sources = sorted(set(source_of.values()))
    for names in [sources, *([name] for name in sources)]:
        images = [
            n for n in dict.fromkeys(row["image"] for row in rows) if source_of.get(n) in names
        ]
        patient = {
            row["image"]: f"{source_of.get(row['image'])} {row['patient_id']}" for row in rows
        }
        truth = _truth(images, [patient[name] for name in images], rows)
        scored = [_scored(truth, marks, column) for column in (given.before, given.after)]
        print(f"\n{', '.join(names)}: {len(images)} images, {len(set(truth.patients))} patients\n")
        print(f"| figure | {given.before} | {given.after} | difference |\n|---|---|---|---|")
        for line in _lines(scored, truth.patients):
            print(line)
    print(f"\n95 % intervals from {RESAMPLES} resamples of patients. {DISCLAIMER}")


def _truth(images: list[str], patients: list[str], rows: Iterable[Row]) -> Truth:
    boxes: dict[str, list[Box]] = {name: [] for name in images}
    for row in rows:
        if row["image"] in boxes and (box := row.box()):
            boxes[row["image"]].append(box)
    each = [as_boxes(boxes[name]) for name in images]
    image_of = np.repeat(np.arange(len(each), dtype=np.int64), [len(b) for b in each])
    return Truth(tuple(images), tuple(patients), np.concatenate(each), image_of)


def _scored(truth: Truth, marks: Iterable[Row], column: str) -> Scored:
    at = {name: i for i, name in enumerate(truth.images)}
    boxes: list[list[Box]] = [[] for _ in at]
    scores: list[list[float]] = [[] for _ in at]
    for row in marks:
        i = at.get(row["image"])
        if i is not None:
            boxes[i].append(row.box())
            scores[i].append(row.number(column))
    return Scored(truth, Predictions.of([as_boxes(b) for b in boxes], scores))


def _lines(scored: list[Scored], patients: Iterable[str]) -> Iterable[str]:
    once = np.ones((1, len(list(patients))))
    drawn = np.concatenate(list(resamples(list(patients), RESAMPLES, SEED, RESAMPLES)))
    before, after = ({**s.figures(once)} for s in scored)
    drawn_before, drawn_after = (
        _in_blocks(scored[0].figures, drawn),
        _in_blocks(scored[1].figures, drawn),
    )
    for name in before:
        values = (before[name], after[name], after[name] - before[name])
        spread = (drawn_before[name], drawn_after[name], drawn_after[name] - drawn_before[name])
        cells = [
            f"{value[0]:.3f} ({low:.3f} to {high:.3f})"
            for value, of in zip(values, spread, strict=True)
            for low, high in [interval(of) or (np.nan, np.nan)]
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def _in_blocks(
    figures: Callable[[FloatArray], dict[str, FloatArray]], weights: FloatArray
) -> dict[str, FloatArray]:
    parts = [figures(weights[start : start + 50]) for start in range(0, len(weights), 50)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


if __name__ == "__main__":
    main()
