"""Who is trained on, kept for choices, kept for the figures: by patient, never by image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mammoscope.annotations.table import AnnotatedImage

Images = tuple[AnnotatedImage, ...]


@dataclass(frozen=True)
class Parts:
    """Three parts of a set without a common patient.

    Parameters
    ----------
    training
        What a model learns from.
    validation
        What choices are made on: calibration, fusion, thresholds.
    test
        What figures are reported of.
    """

    training: Images
    validation: Images
    test: Images


def hold_out(images: Images, test: float, validation: float, seed: int) -> Parts:
    """A share ``test`` of the patients for figures, ``validation`` of the others for choices."""
    rest, reported = split_by_patient(images, test, seed)
    training, chosen_on = split_by_patient(rest, validation, seed)
    return Parts(training, chosen_on, reported)


def folds(images: Images, count: int, validation: float, seed: int) -> tuple[Parts, ...]:
    """``count`` splits in which every patient is in the test part once.

    Of images of several sources each source is split on its own, so that each has its share in
    every part, and the same part whatever stands beside it.

    Raises
    ------
    ValueError
        If there are fewer than two folds, or fewer patients than folds.
    """
    sets = _by_source(images)
    fewest = min(len(_patients(one)) for one in sets)
    if not 2 <= count <= fewest:
        raise ValueError(f"{fewest} patients cannot be split into {count} folds")
    parts = []
    for fold in range(count):
        out = set[str]()
        for patients in map(_patients, sets):
            order = np.random.default_rng(seed).permutation(len(patients))
            out |= {patients[i] for i in order[fold::count]}
        rest, reported = _split(images, out)
        parts.append(Parts(*split_by_patient(rest, validation, seed), reported))
    return tuple(parts)


def split_by_patient(images: Images, held_out: float, seed: int) -> tuple[Images, Images]:
    """Images that stay and images that are held out: a share of the patients drawn by ``seed``.

    Each source is split on its own.
    """
    out = set[str]()
    for patients in map(_patients, _by_source(images)):
        order = np.random.default_rng(seed).permutation(len(patients))
        out |= {patients[i] for i in order[: round(held_out * len(patients))]}
    return _split(images, out)


def _by_source(images: Images) -> list[Images]:
    sources = dict.fromkeys(image.source for image in images) or {None: None}
    return [tuple(image for image in images if image.source == source) for source in sources]


def _patients(images: Iterable[AnnotatedImage]) -> list[str]:
    return sorted({image.patient_id for image in images})


def _split(images: Images, out: set[str]) -> tuple[Images, Images]:
    return (
        tuple(image for image in images if image.patient_id not in out),
        tuple(image for image in images if image.patient_id in out),
    )
