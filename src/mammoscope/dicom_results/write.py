"""The DICOM objects of one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from highdicom import SOPClass
from pydicom.config import disable_value_validation

from mammoscope.dicom_results.instance import seal
from mammoscope.dicom_results.kinds import KINDS, study_suffixes
from mammoscope.dicom_results.study import (
    Examined,
    Study,
    group_by_study,
    moment_of,
    study_name,
    study_of,
)
from mammoscope.errors import OutputError
from mammoscope.files import remove_old, write_bytes
from mammoscope.reading.faults import Damaged
from mammoscope.reading.quiet import quiet
from mammoscope.types import DicomFacts, ImageResult, ModelUse

__all__ = ["Examined", "write_dicom_results"]

_validation = threading.Lock()
"""pydicom's validation is switched for the whole process: one thread at a time."""


@dataclass(frozen=True)
class _Order:
    """An object to be made: its file's name, how, whose patient and study it has, and its date."""

    name: str
    make: Callable[[], SOPClass | None]
    source: DicomFacts
    moment: tuple[str, str]


def write_dicom_results(
    files: Sequence[Examined],
    models: tuple[ModelUse, ...],
    folder: Path,
    kinds: Sequence[str],
    overlay: Callable[[str], bytes],
) -> tuple[tuple[OutputError, ...], tuple[str, ...]]:
    """Write the objects of :data:`~mammoscope.dicom_results.kinds.KINDS` that are asked for.

    An object that fails costs nothing else.

    Parameters
    ----------
    files
        Files that were examined, and what those that could not be say of themselves.
    folder
        Where the objects go; it is there.
    overlay
        Gives the overlay of a result as PNG, by its name.

    Returns
    -------
    errors
        Of the objects that could not be made or written.
    notes
        What else a user should know, one sentence each.
    """
    looked = [found for _, found in files if isinstance(found, ImageResult)]
    strangers = sum(result.source.kind != "DICOM" for result in looked)
    studies, notes = group_by_study(
        (path, found)
        for path, found in files
        if not isinstance(found, ImageResult) or found.source.kind == "DICOM"
    )
    if strangers:
        notes.append(
            f"{strangers} of {len(looked)} images are no DICOM files: no DICOM results for them."
        )
    errors: list[OutputError] = []
    for uid, of_study in studies.items():
        name = study_name(uid)
        try:
            remove_old(folder, name, study_suffixes(kinds))
            with unheard():
                study = study_of(of_study, models)
        except Exception as error:
            errors.append(_failure(error, folder / name))
            continue
        for order in _orders(study, name, kinds, overlay):
            try:
                with unheard():
                    made = order.make()
                    data = None if made is None else seal(made, order.moment, order.source)
                if data is not None:
                    write_bytes(folder / order.name, data)
            except Exception as error:
                errors.append(_failure(error, folder / order.name))
    return tuple(errors), tuple(notes)


@contextmanager
def unheard() -> Iterator[None]:
    """Libraries neither warn nor log: what they say of a value may quote the patient."""
    with _validation, quiet(), disable_value_validation():
        yield


def _orders(
    study: Study, name: str, kinds: Sequence[str], overlay: Callable[[str], bytes]
) -> Iterator[_Order]:
    """The objects of the study, then those of image by image."""
    chosen = {kind: KINDS[kind] for kind in kinds}
    for kind, made in chosen.items():
        if made.of == "study":
            make = partial(made.make, study)
            yield _Order(f"{name}.{kind}.dcm", make, study.images[0].facts, study.newest)
    for image in study.images:
        if image.result is None:
            continue
        stem = image.result.name
        for kind, made in chosen.items():
            if made.of == "image":
                make = partial(made.make, study, image, partial(overlay, stem))
                yield _Order(f"{stem}.{kind}.dcm", make, image.facts, moment_of(image.facts))


def _failure(error: Exception, path: Path) -> OutputError:
    if isinstance(error, OutputError):
        return type(error)(path, error.cause)
    # What a library says may quote the patient.
    cause = str(error) if isinstance(error, Damaged) else f"{type(error).__name__} while making it"
    return OutputError(path, cause)
