"""Findings of the two views of a breast that may well be one lesion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from mammoscope.geometry import centers
from mammoscope.types import ImageResult

TOLERANCE = 0.2
"""Largest difference of the distances to the nipple, in depths of the breast (mean of both views).

Measured on CBIS-DDSM by ``benchmarks/linking.py``; see ``docs/outputs.md``.
"""

_VIEWS = ("CC", "MLO")


@dataclass(frozen=True)
class Link:
    """A finding on CC and one on MLO of the same breast.

    Parameters
    ----------
    images
        Names of their results.
    findings
        Their numbers on those, from 1 on: the place among the findings, best first.
    nipple_distances
        How far each lies from the nipple, in ``unit``: ``"mm"``, or ``"depth"`` of the breast.
    """

    patient_id: str | None
    study_id: str | None
    laterality: str
    images: tuple[str, str]
    findings: tuple[int, int]
    nipple_distances: tuple[float, float]
    unit: str


def link(results: Iterable[ImageResult]) -> tuple[Link, ...]:
    """Pairs of shown findings that lie equally far from the nipple, one to one.

    Radiologists go by this distance, as it hardly changes with the view (the arc method; S. van
    Engeland and N. Karssemeijer, "Matching breast lesions in multiple mammographic views", MICCAI
    2001). It says nothing of whether the findings look alike. Pairs are taken in order of their
    difference, up to :data:`TOLERANCE`. Nothing is linked where side, view, or both study and
    patient are unknown, where the nipple is, or where lengths cannot be compared: a spacing is
    unknown and the images differ in size.
    """
    breasts: dict[tuple[str | None, ...], dict[str, list[ImageResult]]] = {}
    for result in results:
        known = result.laterality and result.nipple_line and result.view in _VIEWS
        if known and (result.study_id or result.patient_id):
            key = (result.patient_id, result.study_id, result.laterality)
            breasts.setdefault(key, {}).setdefault(str(result.view), []).append(result)
    links = [
        made
        for views in breasts.values()
        for made in _links(*(views.get(view, []) for view in _VIEWS))
    ]
    return tuple(
        sorted(links, key=lambda a: (a.patient_id or "", a.study_id or "", a.laterality, a.images))
    )


def _links(cc: list[ImageResult], mlo: list[ImageResult]) -> list[Link]:
    """The links of one breast, least difference first."""
    pairs = [pair for a, b in product(cc, mlo) for pair in _candidates(a, b)]
    taken: set[tuple[str, int]] = set()
    links = []
    for _, made in sorted(pairs, key=lambda pair: (pair[0], pair[1].images, pair[1].findings)):
        ends = set(zip(made.images, made.findings, strict=True))
        if not taken & ends:
            taken |= ends
            links.append(made)
    return links


def _candidates(cc: ImageResult, mlo: ImageResult) -> list[tuple[float, Link]]:
    """All pairs within the tolerance, with their difference in depths."""
    known = cc.frame.spacing_mm and mlo.frame.spacing_mm
    if not known and cc.frame.size != mlo.frame.size:
        return []
    (near, depth), (near_mlo, depth_mlo) = (_measured(view, bool(known)) for view in (cc, mlo))
    mean = (depth + depth_mlo) / 2
    unit, length = ("mm", 1.0) if known else ("depth", mean)
    return [
        (
            abs(a - b) / mean,
            Link(
                patient_id=cc.patient_id,
                study_id=cc.study_id,
                laterality=str(cc.laterality),
                images=(cc.name, mlo.name),
                findings=(i, j),
                nipple_distances=(a / length, b / length),
                unit=unit,
            ),
        )
        for (i, a), (j, b) in product(enumerate(near, 1), enumerate(near_mlo, 1))
        if abs(a - b) <= TOLERANCE * mean
    ]


def _measured(result: ImageResult, in_mm: bool) -> tuple[list[float], float]:
    """Distances of the shown findings from the nipple, and the breast's depth: mm or pixels."""
    line, spacing = result.nipple_line, result.frame.spacing_mm
    assert line is not None  # noqa: S101  (as link() takes no other: narrows the type)
    scale = spacing[::-1] if in_mm and spacing else (1.0, 1.0)
    ends = np.array([*centers(result.shown.boxes), line.chest_wall]) - line.nipple
    *distances, depth = np.hypot(*(ends * scale).T).tolist()
    return distances, depth
