"""Scores anew by logistic regression, fitted and told of out of fold, as some benchmarks do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mammoscope.annotations.splits import folds
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.evaluation import (
    FIGURES,
    Comparison,
    EvaluationOptions,
    HitRule,
    Predictions,
    Sample,
    Truth,
)
from mammoscope.evaluation.metrics.estimates import measure
from mammoscope.geometry import FloatArray
from mammoscope.tables import BOX_COLUMNS, write_table

HITS = ("iou:0.5", "center")
WANTED = (
    "ap",
    "sensitivity_at_fppi/0.25",
    "sensitivity_at_fppi/0.5",
    "sensitivity_at_fppi/1",
)
FITS, SEED, BOOTSTRAP = 5, 0, 1000


@dataclass(frozen=True)
class Gains:
    """Figures (S, F) of S sets of scores, and what each has more than the first."""

    seen: Sequence[Comparison]

    @property
    def size(self) -> int:
        """Values held at once for each weighting, about."""
        return sum(each.size for each in self.seen)

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both (B, S, F) for weights (B, I)."""
        rows = []
        for each in self.seen:
            sample = Sample(each, weights)
            rows.append([FIGURES[name].values(sample, each.every_lesion) for name in WANTED])
        values = np.moveaxis(np.array(rows), 2, 0)
        return values, values - values[:, :1]

    def patients(self, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """How many patients each rests on."""
        count = np.full((len(self.seen), len(WANTED)), float(len(set(names))))
        return count, count


def fit(features: FloatArray, hits: np.ndarray) -> Pipeline:
    """A regression on features (N, F) of one spread."""
    steps = StandardScaler(), LogisticRegression(max_iter=1000)
    return make_pipeline(*steps).fit(features, hits)


def plain(fitted: Pipeline, names: Sequence[str]) -> dict[str, float]:
    """The regression in terms of the features as they are: its bias, and a slope for each."""
    scaler, regression = (step for _, step in fitted.steps)
    slopes = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - float(slopes @ scaler.mean_)
    known = {"bias": bias, **dict(zip(names, slopes.tolist(), strict=True))}
    return {name: round(float(value), 6) for name, value in known.items()}


def out_of_fold(
    found: Predictions,
    truth: Truth,
    features: FloatArray,
    hits: np.ndarray,
    images: tuple[AnnotatedImage, ...],
) -> Predictions:
    """Each region by a regression on the patients of the other :data:`FITS` parts."""
    patients = np.array(truth.patients)[found.image_of]
    scores = found.scores.copy()
    for part in folds(images, FITS, 0.0, SEED):
        held = np.isin(patients, [image.patient_id for image in part.test])
        scores[held] = fit(features[~held], hits[~held]).predict_proba(features[held])[:, 1]
    return replace(found, scores=scores)


def tell(scored: Mapping[str, Predictions], truth: Truth) -> None:
    """Print figures of each set of scores, and what it gains on the first."""
    for rule in HITS:
        rated = EvaluationOptions(hit=HitRule.parse(rule))
        seen = [Comparison.of(each, truth, rated) for each in scored.values()]
        values, gains = measure(Gains(seen), truth.patients, BOOTSTRAP, SEED)
        print(f"\n{rule}\n| scores | {' | '.join(FIGURES[n].title + ' | gain' for n in WANTED)} |")
        print(f"|{'---|' * (1 + 2 * len(WANTED))}")
        for name, row, more in zip(scored, values, gains, strict=True):
            cells = [
                f"{v.value:.3f} ({v.low:.3f} to {v.high:.3f})"
                for pair in zip(row, more, strict=True)
                for v in pair
            ]
            print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n95 % intervals from {BOOTSTRAP} resamples of patients.")


def write_predictions(path: Path, found: Predictions, names: Sequence[str]) -> None:
    """The regions with their scores, for ``mammoscope evaluate``."""
    rows = [
        {"image": names[at], **dict(zip(BOX_COLUMNS, box, strict=True)), "score": round(score, 6)}
        for at, box, score in zip(
            found.image_of.tolist(), found.boxes.tolist(), found.scores.tolist(), strict=True
        )
    ]
    write_table(path, ("image", *BOX_COLUMNS, "score"), rows)
