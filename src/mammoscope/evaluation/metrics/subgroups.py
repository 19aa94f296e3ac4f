"""Figures of subgroups, by what a column of the truth describes.

**Lesions** (size, label, subtype, subtlety): a false positive has no size and no subtype, so it
belongs to no group. The system is run as it is on the whole set: each operating point is the one
that the whole set has at so many false positives an image, counted over all images, and a group's
sensitivity is the share of its lesions found there. There is no AP of such a group, as there is no
precision. The lesions of all groups are those of the set, and a group of every lesion has the
figures of the whole set.

**Images** (density, view, age): each group is a set of images of its own, with its own false
positives and its own operating points, and has every figure of detection, and of cancer yes or no,
that the whole set has. At the threshold both
groups and whole set are seen at one score.

Either has the AUC of malignancy of its lesions, where predictions carry p_malignant.

Intervals come from resampling patients: for lesions those of the whole set, so that the operating
points vary along; for images those with an image in the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mammoscope.evaluation.metrics.comparison import Comparison
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.figure import Figure, Measured, by_fppi, nested
from mammoscope.evaluation.metrics.figures import FIGURES, Group, measured
from mammoscope.evaluation.set.data import BoolArray, Truth
from mammoscope.evaluation.set.groups import Grouping

_OF_IMAGES = ("detection", "cancer")
"""Blocks of figures that a group of images has, evaluated alone."""


@dataclass(frozen=True)
class Subgroup:
    """The figures of one group; each is an attribute too, None where the group has no such figure.

    Parameters
    ----------
    name
        The value of the column, or the range of sizes.
    images, lesions, patients
        How many there are. Of a group of lesions: images and patients with such a lesion.
    figures
        In the order of the table. Sensitivity by false positives an image is on all images for a
        group of lesions, on its own for a group of images.
    """

    name: str
    images: int
    lesions: int
    patients: int
    figures: tuple[Measured, ...]

    def __getattr__(self, name: str) -> Estimate | None:
        for each in self.__dict__.get("figures", ()):
            if each.figure.name == name:
                return each.estimate
        if name not in FIGURES:
            raise AttributeError(name)
        return None

    @property
    def sensitivity_at_fppi(self) -> Mapping[float, Estimate]:
        """Share of the group's lesions found, by false positives an image (:data:`FPPI`)."""
        return by_fppi(self.figures)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; figures that the group does not have are left out."""
        counts = {"images": self.images, "lesions": self.lesions, "patients": self.patients}
        return {"name": self.name, **counts, **nested(self.figures)}


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


def lesion_groups(
    figures: Iterable[Figure], groupings: Iterable[Grouping], truth: Truth
) -> Iterator[Group]:
    """What is measured of the whole set for its groups, group by group.

    Of a group of lesions every figure that can be told of one, of a group of images those of its
    lesions that rest on the whole set's samples.
    """
    wanted = [figure for figure in figures if figure.of_lesions]
    for grouping in groupings:
        for members in grouping.members:
            lesions = members if grouping.level == "lesion" else members[truth.image_of]
            yield from ((figure, lesions) for figure in wanted if _is_of(figure, grouping))


def _is_of(figure: Figure, grouping: Grouping) -> bool:
    return grouping.level == "lesion" or figure.block == "group"


def subgroups(
    groupings: Iterable[Grouping],
    seen: Comparison,
    figures: Sequence[Figure],
    found: Iterable[Measured],
) -> tuple[Subgroups, ...]:
    """The figures of all groups; ``found`` is what was measured by :func:`lesion_groups`."""
    rest = iter(found)
    of_lesions = [figure for figure in figures if figure.of_lesions]
    results = []
    for grouping in groupings:
        count = sum(_is_of(figure, grouping) for figure in of_lesions)
        groups = []
        for name, members in zip(grouping.names, grouping.members, strict=True):
            mine = tuple(next(rest) for _ in range(count))
            if grouping.level == "lesion":
                groups.append(_of_lesions(name, members, seen.truth, mine))
            else:
                groups.append(_of_images(name, members, seen, figures, mine))
        results.append(Subgroups(grouping.column, grouping.level, grouping.measure, tuple(groups)))
    return tuple(results)


def _of_lesions(
    name: str, members: BoolArray, truth: Truth, figures: tuple[Measured, ...]
) -> Subgroup:
    images = set(truth.image_of[members].tolist())
    patients = len({truth.patients[image] for image in images})
    return Subgroup(name, len(images), int(members.sum()), patients, figures)


def _of_images(
    name: str,
    members: BoolArray,
    seen: Comparison,
    figures: Sequence[Figure],
    of_lesions: tuple[Measured, ...],
) -> Subgroup:
    """A group of images, evaluated alone at the threshold of the whole set."""
    truth = seen.truth.on(members)
    alone = Comparison.of(seen.predictions.on(members), truth, seen.options)
    wanted = [figure for figure in figures if figure.block in _OF_IMAGES]
    found, _ = measured(alone, [(figure, alone.every_lesion) for figure in wanted])
    return Subgroup(
        name=name,
        images=len(truth.images),
        lesions=len(truth.boxes),
        patients=len(set(truth.patients)),
        figures=(*found, *of_lesions),
    )
