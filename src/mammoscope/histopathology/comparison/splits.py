"""Who is trained on and who is tested: by image, as most papers do, and by patient."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

from mammoscope.histopathology.tissue import TissueSet

Indices = NDArray[np.int64]

IMAGE, PATIENT = "image", "patient"


@dataclass(frozen=True)
class Split:
    """Indices of the images that are trained on, and of those that are tested."""

    training: Indices
    test: Indices


@dataclass(frozen=True)
class Protocol:
    """A way to split.

    Parameters
    ----------
    name
        :data:`IMAGE` or :data:`PATIENT`.
    how
        In words.
    splits
        Each with both benign and malignant images to learn from.
    """

    name: str
    how: str
    splits: tuple[Split, ...]


def by_image(data: TissueSet, count: int, seed: int) -> Protocol:
    """Images dealt out by class, whosever they are.

    Raises
    ------
    ValueError
        If there are fewer than two folds, or no class has an image for each.
    """
    kinds = _kinds(data)
    if max(map(kinds.count, kinds)) < count:
        raise ValueError(f"no class has an image for each of {count} folds")
    folds = StratifiedKFold(count, shuffle=True, random_state=seed)
    parts = _parts(folds, data, kinds)
    return _protocol(IMAGE, f"{count} folds of images", data, parts)


def by_patient(data: TissueSet, count: int | None, seed: int) -> Protocol:
    """Patients dealt out, about as many images of each class in every fold.

    Parameters
    ----------
    count
        Number of folds; None leaves one patient out at a time.

    Raises
    ------
    ValueError
        If there are fewer patients than folds, or all patients of a kind are left out at once.
    """
    patients = [image.patient for image in data.images]
    there = len(set(patients))
    if count is None:
        parts = LeaveOneGroupOut().split(data.images, groups=patients)
        return _protocol(PATIENT, f"each of {there} patients left out", data, parts)
    if there < count:
        raise ValueError(f"{there} patients cannot be split into {count} folds")
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    parts = _parts(folds, data, _kinds(data), patients)
    return _protocol(PATIENT, f"{count} folds of {there} patients", data, parts)


def _parts(folds: Any, data: TissueSet, *labels: Sequence[object]) -> list[tuple[Any, Any]]:
    with warnings.catch_warnings():
        # Of few images or patients: the table says which subtypes cannot be tested.
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(folds.split(data.images, *labels))


def official(data: TissueSet, folds: Sequence[Mapping[str, bool]]) -> Protocol:
    """BreaKHis's own folds, by slide: an image may be tested in several of them, or in none.

    Raises
    ------
    ValueError
        If an image is in none of a fold's parts, or all of a kind are left out at once.
    """
    names = [image.path.stem for image in data.images]
    if lost := next((name for fold in folds for name in names if name not in fold), None):
        raise ValueError(f"{lost} is in none of the parts of an official fold")
    tested = [np.array([fold[name] for name in names]) for fold in folds]
    parts = ((np.flatnonzero(~test), np.flatnonzero(test)) for test in tested)
    protocol = _protocol(PATIENT, f"the {len(folds)} official folds of slides", data, parts)
    whose = np.array([image.patient for image in data.images])
    shared = sum(
        int(np.isin(whose[each.test], whose[each.training]).sum()) for each in protocol.splits
    )
    return Protocol(
        PATIENT,
        f"{protocol.how}, in which {shared} tests are of a patient of whom another slide was"
        " trained on",
        protocol.splits,
    )


def _kinds(data: TissueSet) -> list[int]:
    return [data.subtypes.index(image.subtype) for image in data.images]


def _protocol(
    name: str, how: str, data: TissueSet, parts: Iterable[tuple[Indices, Indices]]
) -> Protocol:
    splits = tuple(Split(training, test) for training, test in parts)
    malignant = np.array([image.malignant for image in data.images])
    if any(len(np.unique(malignant[split.training])) < 2 for split in splits):
        raise ValueError(f"{how}: one has no benign or no malignant images to learn from")
    return Protocol(name, how, splits)
