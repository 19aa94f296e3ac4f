"""The figures of a detector, each with its patient-level bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammoscope.errors import GeometryError
from mammoscope.evaluation.metrics.cancer import Cancer
from mammoscope.evaluation.metrics.classification import Classification, band_of
from mammoscope.evaluation.metrics.comparison import Comparison
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.figure import Measured, by_fppi, nested
from mammoscope.evaluation.metrics.figures import FIGURES, FROC_BAND, ROC_BAND, measured
from mammoscope.evaluation.metrics.froc import Ranking
from mammoscope.evaluation.metrics.malignancy import is_classified
from mammoscope.evaluation.metrics.matching import HitRule
from mammoscope.evaluation.metrics.notes import all_notes
from mammoscope.evaluation.metrics.subgroups import Subgroups, lesion_groups, subgroups
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.groups import Grouping
from mammoscope.evaluation.set.options import EvaluationOptions
from mammoscope.evaluation.set.silent import told_by
from mammoscope.geometry import FloatArray

SCHEMA = "mammoscope/evaluation/1"
SCHEMA_OF_SEVERAL = "mammoscope/evaluations/1"


@dataclass(frozen=True)
class FrocCurve:
    """Sensitivity by false positives an image.

    ``fppi`` and ``sensitivity`` (K,) are the operating points, starting at (0, 0). ``band`` is
    (3, F): FPPI and the low and high end of the 95 % interval there, or None.
    """

    fppi: FloatArray
    sensitivity: FloatArray
    band: FloatArray | None


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found; each figure of detection is an attribute too, such as ``ap``.

    Parameters
    ----------
    figures
        Those of detection, in the order of the table, and those of other packages.
    hit
        The rule by which a detection hits a lesion.
    images, normals, lesions, patients, predictions
        How many there are; ``normals`` are images without a lesion.
    threshold
        Score from which a detection counts: one that every prediction reaches where none is known.
    bootstrap, seed
        Number of resamples and their seed.
    warnings
        What a reader of the figures should know, one sentence each.
    curve
        For plotting; None without lesions or scores.
    subgroups
        The figures by each column asked for.
    classification
        Figures of p_malignant; None where none is given or no lesion has a label.
    cancer
        Figures of cancer yes or no; None where the truth says nothing of the kind.
    scored
        Whether the predictions have scores; without, all figures but those of classification are
        undefined.
    unmarked
        Images that may hold lesions that no box marks: in no figure of detection.
    """

    figures: tuple[Measured, ...]
    hit: HitRule
    images: int
    normals: int
    lesions: int
    patients: int
    predictions: int
    threshold: float
    bootstrap: int
    seed: int
    warnings: tuple[str, ...]
    curve: FrocCurve | None
    subgroups: tuple[Subgroups, ...] = ()
    classification: Classification | None = None
    cancer: Cancer | None = None
    scored: bool = True
    unmarked: int = 0

    def __getattr__(self, name: str) -> Estimate:
        for each in self.__dict__.get("figures", ()):
            if each.figure.name == name:
                return each.estimate
        raise AttributeError(name)

    @property
    def sensitivity_at_fppi(self) -> Mapping[float, Estimate]:
        """Share of lesions found, by false positives an image (:data:`FPPI`)."""
        return by_fppi(self.figures)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, schema ``mammoscope/evaluation/1``; the curve is left out."""
        values = {
            "schema": SCHEMA,
            "hit": str(self.hit),
            **nested(self.figures),
            "images": self.images,
            "normals": self.normals,
            "lesions": self.lesions,
            "patients": self.patients,
            "predictions": self.predictions,
            "threshold": self.threshold,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "classification": self.classification.as_dict() if self.classification else None,
            "subgroups": [groups.as_dict() for groups in self.subgroups],
            "warnings": list(self.warnings),
        }
        if self.unmarked:
            values["unmarked"] = self.unmarked
        if self.cancer is not None:
            values["cancer"] = self.cancer.as_dict()
        return values


def several_as_dict(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Plain values for JSON of one evaluation by each of several rules."""
    return {
        "schema": SCHEMA_OF_SEVERAL,
        "evaluations": [evaluation.as_dict() for evaluation in evaluations],
    }


def evaluate(
    predictions: Predictions, truth: Truth, options: EvaluationOptions | None = None
) -> Evaluation:
    """Compare detections with lesions.

    A second hit on a lesion is a false positive, see
    :mod:`mammoscope.evaluation.metrics.matching`; equal scores are one operating point,
    see :mod:`mammoscope.evaluation.metrics.froc`. Where the truth is silent on side, view or
    patient, what results say of an image counts.

    Subgroups are those of :mod:`mammoscope.evaluation.metrics.subgroups`.

    Raises
    ------
    GeometryError
        If the predictions name an image that the truth does not have.
    ValueError
        If subgroups are asked for by a column that the truth does not have.

    Examples
    --------
    >>> from mammoscope.evaluation import Predictions, Truth
    >>> truth = Truth.of([[[10, 10, 50, 50]], []])
    >>> predictions = Predictions.of([[[12, 12, 48, 50]], []], [[0.9], []])
    >>> found = mammoscope.evaluate(predictions, truth)
    >>> found.lesions, found.predictions
    (1, 1)
    """
    options = options or EvaluationOptions()
    images = len(truth.images)
    if len(predictions) and predictions.image_of.max() >= images:
        raise GeometryError(f"predictions are on an image beyond the {images} of the truth")
    truth = told_by(truth, predictions, options.by)
    groupings = [Grouping.of(truth, column) for column in dict.fromkeys(options.by)]
    seen = Comparison.of(predictions, truth, options)
    wanted = [figure for figure in map(FIGURES.__getitem__, FIGURES) if figure.applies(seen)]
    whole = [(figure, seen.every_lesion) for figure in wanted if figure.block != "group"]
    curves = (FROC_BAND, ROC_BAND) if is_classified(seen) else (FROC_BAND,)
    found, bands = measured(seen, [*whole, *lesion_groups(wanted, groupings, truth)], curves)
    figures, of_groups = found[: len(whole)], found[len(whole) :]
    classified = Classification.of(seen, figures, bands[-1])
    by_group = subgroups(groupings, seen, wanted, of_groups)
    return Evaluation(
        figures=tuple(each for each in figures if each.figure.block == "detection"),
        hit=options.hit,
        images=images,
        normals=int(seen.normal.sum()),
        lesions=len(truth.boxes),
        patients=len(set(truth.patients)),
        predictions=len(predictions),
        threshold=seen.shown_from,
        bootstrap=options.bootstrap,
        seed=options.seed,
        warnings=(
            *truth.warnings,
            *predictions.warnings,
            *all_notes(seen, by_group, figures, classified),
        ),
        curve=_curve(seen, bands[0]),
        subgroups=by_group,
        classification=classified,
        cancer=Cancer.of(seen, figures),
        scored=predictions.scored,
        unmarked=int((~truth.known).sum()),
    )


def _curve(seen: Comparison, band: Sequence[Estimate]) -> FrocCurve | None:
    if not len(seen.truth.boxes) or not seen.predictions.scored:
        return None
    ranking = Ranking.of(seen.predictions.only(seen.counts), seen.matched[seen.counts])
    true, false = ranking.counts(np.ones((1, seen.images)))
    return FrocCurve(
        fppi=np.concatenate([[0.0], false[0] / seen.known.sum()]),
        sensitivity=np.concatenate([[0.0], true[0] / len(seen.truth.boxes)]),
        band=band_of(FROC_BAND.at, band),
    )
