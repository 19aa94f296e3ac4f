"""What a figure is: one number about a set of images. All else follows from the list of figures.

Table, JSON, notes, subgroups and bootstrap ask a :class:`Figure` for its name, its title, its
values in weighted samples of the images and the patients that it rests on; adding one is one class,
as ``docs/evaluation.md`` shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mammoscope.evaluation.metrics.comparison import Comparison, Sample
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.set.data import BoolArray
from mammoscope.geometry import FloatArray

Better = Literal["higher", "lower"]
Block = Literal["detection", "classification", "cancer", "group"]


class Figure(ABC):
    """One number about detections on a set of images.

    Attributes
    ----------
    name
        Its key in JSON; ``/`` between the keys of objects within each other.
    title
        Its row in tables; ``{shown}``, ``{called}`` and ``{specificity}`` stand for what the
        figure is at.
    better
        Which values are good ones.
    lowest, highest
        Between which it lies; None where there is no such bound.
    block
        The part of the table: of detection, of malignant against benign lesions, of cancer yes or
        no; ``"group"`` for one of subgroups alone, whose samples are those of the whole set.
    of_lesions
        Whether it is defined for a group of lesions: then ``lesions`` says which count.
    note
        What notes on few patients call it; None where another figure rests on the same.
    only_defined
        Whether the table leaves it out where it is undefined.
    """

    name: str
    title: str
    better: Better
    lowest: float | None = 0.0
    highest: float | None = 1.0
    block: Block = "detection"
    of_lesions: bool = False
    note: str | None = None
    only_defined: bool = False

    @abstractmethod
    def values(self, sample: Sample, lesions: BoolArray) -> FloatArray:
        """The figure (B,) in each weighting of the images; NaN where it is undefined.

        ``lesions`` (L,) are those of the group: all of them but where it is ``of_lesions``.
        """

    @abstractmethod
    def kinds(self, seen: Comparison, lesions: BoolArray) -> Sequence[BoolArray]:
        """The kinds of images (I,) that it takes: it rests on the patients of the rarest."""

    def applies(self, seen: Comparison) -> bool:
        """Whether there is anything to say: else it is in neither table nor JSON."""
        return True

    def label(self, seen: Comparison) -> str:
        """The title with what the figure is at."""
        shown = f"score {seen.shown_from:g} and up"
        called = f"{seen.malignant_from:g} and up"
        specificity = f"specificity {seen.options.specificity:g}"
        return self.title.format(shown=shown, called=called, specificity=specificity)

    def patients(self, seen: Comparison, lesions: BoolArray) -> int:
        """How many patients it rests on."""
        who = np.asarray(seen.truth.patients, dtype=np.str_)
        return min(len(np.unique(who[kind])) for kind in self.kinds(seen, lesions))


@dataclass(frozen=True)
class Measured:
    """A figure of a set, its row's title, its estimate and the patients that it rests on."""

    figure: Figure
    label: str
    estimate: Estimate
    patients: int


def nested(measured: Sequence[Measured], within: str = "") -> dict[str, object]:
    """Plain values for JSON of those whose name begins with ``within``, in their order."""
    values: dict[str, object] = {}
    for each in measured:
        if not each.figure.name.startswith(within):
            continue
        *keys, last = each.figure.name.removeprefix(within).split("/")
        inner = values
        for key in keys:
            inner = inner.setdefault(key, {})  # type: ignore[assignment]
        inner[last] = each.estimate.as_dict()
    return values


def by_fppi(measured: Sequence[Measured]) -> Mapping[float, Estimate]:
    """Sensitivities by their false positives an image."""
    start = "sensitivity_at_fppi/"
    return {
        float(each.figure.name.removeprefix(start)): each.estimate
        for each in measured
        if each.figure.name.startswith(start)
    }
