"""Figures of subgroups, by what a column of the truth describes.

**Lesions** (size, label, subtype, subtlety): a false positive has no size and no subtype, so it
belongs to no group. The system is run as it is on the whole set: each operating point is the one
that the whole set has at so many false positives an image, counted over all images, and a group's
sensitivity is the share of its lesions found there. There is no AP of such a group, as there is no
precision. The lesions of all groups are those of the set, and a group of every lesion has the
figures of the whole set.

**Images** (density, view): each group is a set of images of its own, with its own false positives
and its own operating points, and has every figure that the whole set has. At the threshold both
groups and whole set are seen at one score.

Either has the AUC of malignancy of its lesions, where predictions carry p_malignant.

Intervals come from resampling patients: for lesions those of the whole set, so that the operating
points vary along; for images those with an image in the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mammoscope.evaluation.metrics.classification import Classification
from mammoscope.evaluation.metrics.estimates import Estimate, Estimates, by_fppi, measure
from mammoscope.evaluation.metrics.figures import Figures, Values
from mammoscope.evaluation.metrics.matching import match
from mammoscope.evaluation.set.data import Predictions, Truth
from mammoscope.evaluation.set.groups import Grouping
from mammoscope.evaluation.set.options import EvaluationOptions


@dataclass(frozen=True)
class Subgroup:
    """The figures of one group.

    Parameters
    ----------
    name
        The value of the column, or the range of sizes.
    images, lesions, patients
        How many there are. Of a group of lesions: images and patients with such a lesion.
    sensitivity_at_fppi
        Share of the group's lesions found, by false positives an image (:data:`FPPI`): on all
        images for a group of lesions, on its own for a group of images.
    sensitivity_at_threshold
        The same at the threshold; undefined where none is known.
    ap, auc, false_positives_per_normal, fppi_at_threshold, clean_at_threshold
        As in :class:`mammoscope.evaluation.Evaluation`; None for a group of lesions.
    malignancy_auc
        Of its lesions found and classified; None where classification is not evaluated.
    """

    name: str
    images: int
    lesions: int
    patients: int
    sensitivity_at_fppi: Mapping[float, Estimate]
    sensitivity_at_threshold: Estimate
    ap: Estimate | None = None
    auc: Estimate | None = None
    false_positives_per_normal: Estimate | None = None
    fppi_at_threshold: Estimate | None = None
    clean_at_threshold: Estimate | None = None
    malignancy_auc: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; figures that the group does not have are left out."""
        values: dict[str, Any] = {
            "name": self.name,
            "images": self.images,
            "lesions": self.lesions,
            "patients": self.patients,
            "sensitivity_at_fppi": {
                f"{fppi:g}": estimate.as_dict()
                for fppi, estimate in self.sensitivity_at_fppi.items()
            },
            "sensitivity_at_threshold": self.sensitivity_at_threshold.as_dict(),
        }
        others = {
            "fppi_at_threshold": self.fppi_at_threshold,
            "clean_at_threshold": self.clean_at_threshold,
            "ap": self.ap,
            "auc": self.auc,
            "false_positives_per_normal": self.false_positives_per_normal,
            "malignancy_auc": self.malignancy_auc,
        }
        return values | {name: figure.as_dict() for name, figure in others.items() if figure}


@dataclass(frozen=True)
class Subgroups:
    """The groups by one column.

    Parameters
    ----------
    column
        What was asked for.
    level
        ``"lesion"`` or ``"image"``: what the groups hold.
    measure
        How sizes were measured; None for a column's own values.
    groups
        In order of their values, the unknown last; none is empty.
    """

    column: str
    level: Literal["lesion", "image"]
    measure: str | None
    groups: tuple[Subgroup, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "column": self.column,
            "level": self.level,
            "measure": self.measure,
            "groups": [group.as_dict() for group in self.groups],
        }


def subgroups(
    groupings: Iterable[Grouping],
    predictions: Predictions,
    truth: Truth,
    found: Values[Estimates],
    classified: Classification | None,
    options: EvaluationOptions,
) -> tuple[Subgroups, ...]:
    """The figures of all groups.

    ``found`` are those of the whole set; its groups of lesions are those of the groupings that
    group lesions, one after another. ``classified`` has those of classification, of all groups.
    """
    first = 1
    malignancy = iter(classified.auc_of_groups if classified else ())
    results = []
    for grouping in groupings:
        if grouping.level == "image":
            groups = _of_images(grouping, predictions, truth, options)
        else:
            groups = _of_lesions(grouping, truth, found, first)
            first += len(groups)
        groups = tuple(replace(g, malignancy_auc=next(malignancy, None)) for g in groups)
        results.append(Subgroups(grouping.column, grouping.level, grouping.measure, groups))
    return tuple(results)


def _of_lesions(
    grouping: Grouping, truth: Truth, found: Values[Estimates], first: int
) -> tuple[Subgroup, ...]:
    """Groups of lesions: their figures are those in ``found`` from group ``first`` on."""
    groups = []
    for i, (name, members) in enumerate(zip(grouping.names, grouping.members, strict=True), first):
        images = np.unique(truth.image_of[members])
        group = Subgroup(
            name=name,
            images=len(images),
            lesions=int(members.sum()),
            patients=len({truth.patients[image] for image in images}),
            sensitivity_at_fppi=by_fppi(found.sensitivity[i]),
            sensitivity_at_threshold=found.sensitivity_at_threshold[i],
        )
        groups.append(group)
    return tuple(groups)


def _of_images(
    grouping: Grouping, predictions: Predictions, truth: Truth, options: EvaluationOptions
) -> tuple[Subgroup, ...]:
    """Groups of images, each evaluated alone at the threshold of the whole set."""
    threshold = options.threshold_for(predictions)
    groups = []
    for name, members in zip(grouping.names, grouping.members, strict=True):
        lesions, detections = truth.on(members), predictions.on(members)
        matched = match(detections, lesions, options.hit)
        figures = Figures.of(detections, lesions, matched, threshold)
        found = Values(*measure(figures, lesions.patients, options.bootstrap, options.seed))
        group = Subgroup(
            name=name,
            images=len(lesions.images),
            lesions=len(lesions.boxes),
            patients=len(set(lesions.patients)),
            sensitivity_at_fppi=by_fppi(found.sensitivity[0]),
            sensitivity_at_threshold=found.sensitivity_at_threshold[0],
            ap=found.ap.item(),
            auc=found.auc.item(),
            false_positives_per_normal=found.fp_per_normal.item(),
            fppi_at_threshold=found.fppi_at_threshold.item(),
            clean_at_threshold=found.clean_at_threshold.item(),
        )
        groups.append(group)
    return tuple(groups)
