"""Where the truth is silent, what the results say of an image counts.

Side, view and patient; and where it says nothing of the density of any image, the model's density.
"""

from __future__ import annotations

from collections.abc import Collection, Sized
from dataclasses import replace

import numpy as np

from mammoscope.evaluation.set.columns import LATERALITY, VIEW, count_of, some_of
from mammoscope.evaluation.set.data import Column, Predictions, Truth

PATIENT, DENSITY = "patient_id", "density"

_BY_MODEL = "The truth says nothing of density: groups by density are those of the model."


def told_by(truth: Truth, predictions: Predictions, by: Collection[str] = ()) -> Truth:
    """The truth with what ``predictions`` say of its images and it does not.

    Where both say something else the truth stays, and a warning says so. Density is only taken
    where groups are made ``by`` it.
    """
    said = predictions.said
    for name in (LATERALITY, VIEW):
        if name in said:
            truth = _filled(truth, name, said[name])
    if DENSITY in by and any(said.get(DENSITY, ())) and not _says(truth, DENSITY):
        truth = _filled(truth, DENSITY, said[DENSITY])
        truth = replace(truth, warnings=(*truth.warnings, _BY_MODEL))
    return _named(truth, said[PATIENT]) if PATIENT in said else truth


def _says(truth: Truth, name: str) -> bool:
    column = truth.columns.get(name)
    return column is not None and any((*column.images, *column.lesions))


def nameless_note(images: Sized) -> str:
    """That patients are not known."""
    return (
        f"{count_of(images)} of the truth without patient_id: each counts as a patient of its own."
    )


def _filled(truth: Truth, name: str, said: tuple[str, ...]) -> Truth:
    none = Column(("",) * len(truth.boxes), ("",) * len(truth.images))
    column = truth.columns.get(name, none)
    known = [bool(value) for value in column.images]
    for value, image in zip(column.lesions, truth.image_of.tolist(), strict=True):
        known[image] = known[image] or bool(value)
    differs = [
        image
        for image, value, other in zip(truth.images, column.images, said, strict=True)
        if value and other and value.upper() != other.upper()
    ]
    images = tuple(
        value if is_known else other
        for value, other, is_known in zip(column.images, said, known, strict=True)
    )
    lesions = tuple(
        value if known[image] else said[image]
        for value, image in zip(column.lesions, truth.image_of.tolist(), strict=True)
    )
    notes = truth.warnings
    if differs:
        notes += (
            f"{count_of(differs)} whose {name} in the truth is another than in the results, "
            f"the truth's stays: {some_of(differs)}.",
        )
    columns = {**truth.columns, name: Column(lesions, images)}
    return replace(truth, columns=columns, warnings=notes)


def _named(truth: Truth, said: tuple[str, ...]) -> Truth:
    """The patients whom the truth does not name."""
    if truth.nameless is None:
        return truth
    told = truth.nameless & np.array([bool(patient) for patient in said], dtype=np.bool_)
    left = truth.nameless & ~told
    patients = (
        other if is_told else patient
        for patient, other, is_told in zip(truth.patients, said, told.tolist(), strict=True)
    )
    before, after = (nameless_note(np.flatnonzero(some)) for some in (truth.nameless, left))
    notes = [note for note in truth.warnings if note != before]
    return replace(
        truth,
        patients=tuple(patients),
        nameless=left if left.any() else None,
        warnings=(*notes, after) if left.any() else tuple(notes),
    )
