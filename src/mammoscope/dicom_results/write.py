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

from mammoscope.dicom_results.cad_sr import cad_sr
from mammoscope.dicom_results.instance import seal
from mammoscope.dicom_results.kinds import FOLDER, STUDY_SUFFIXES
from mammoscope.dicom_results.measurement_report import measurement_report
from mammoscope.dicom_results.presentation_state import presentation_state
from mammoscope.dicom_results.secondary_capture import secondary_capture
from mammoscope.dicom_results.study import Study, group_by_study, study_name, study_of
from mammoscope.errors import OutputError, RefusedError
from mammoscope.files import ensure_folder, remove_old, write_bytes
from mammoscope.reading.faults import Damaged
from mammoscope.reading.quiet import quiet
from mammoscope.results import Failure
from mammoscope.types import DicomFacts, ImageResult, ModelUse

_validation = threading.Lock()
"""pydicom's validation is switched for the whole process: one thread at a time."""


@dataclass(frozen=True)
class DicomResults:
    """Which objects could not be made or written, and what else a user should know."""

    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Order:
    """An object to be made: its file's name, how, and an image whose patient and study it has."""

    name: str
    make: Callable[[], SOPClass]
    source: DicomFacts


def write_dicom_results(
    results: Sequence[ImageResult],
    failures: Sequence[Failure],
    models: tuple[ModelUse, ...],
    out: Path,
    kinds: Sequence[str],
) -> DicomResults:
    """Write the objects of :data:`~mammoscope.dicom_results.kinds.KINDS` that are asked for.

    An object that fails costs nothing else.

    Parameters
    ----------
    results
        Images that were examined; their overlays lie in ``out``.
    failures
        Files that were not. Those that are no mammograms are not spoken of.
    out
        The run's folder.

    Raises
    ------
    OutputError
        If the folder cannot be made.
    """
    folder = ensure_folder(out / FOLDER)
    of_dicom = [result for result in results if result.source.kind == "DICOM"]
    unread = [failure for failure in failures if failure.error != RefusedError.__name__]
    studies, notes = group_by_study(
        [
            *((Path(result.source.path), result) for result in of_dicom),
            *((Path(failure.path), None) for failure in unread),
        ]
    )
    if len(of_dicom) < len(results):
        n = len(results) - len(of_dicom)
        notes.append(f"{n} of {len(results)} images are no DICOM files: no DICOM results for them.")
    faults: list[Failure] = []
    for uid, files in studies.items():
        name = study_name(uid)
        try:
            remove_old(folder, name, STUDY_SUFFIXES)
            with unheard():
                study = study_of(files, models)
        except Exception as error:
            faults.append(_failure(error, folder / name))
            continue
        for order in _orders(study, name, out, kinds):
            try:
                with unheard():
                    data = seal(order.make(), study, order.source)
                write_bytes(folder / order.name, data)
            except Exception as error:
                faults.append(_failure(error, folder / order.name))
    return DicomResults(tuple(faults), tuple(notes))


@contextmanager
def unheard() -> Iterator[None]:
    """Libraries neither warn nor log: what they say of a value may quote the patient."""
    with _validation, quiet(), disable_value_validation():
        yield


def _orders(study: Study, name: str, out: Path, kinds: Sequence[str]) -> Iterator[_Order]:
    first = study.images[0].facts
    if "sr" in kinds:
        yield _Order(f"{name}.sr.dcm", partial(cad_sr, study), first)
    if "sr1500" in kinds:
        yield _Order(f"{name}.sr1500.dcm", partial(measurement_report, study), first)
    for image in study.images:
        if image.result is None:
            continue
        stem = image.result.name
        if "gsps" in kinds and image.findings:
            state = partial(presentation_state, study, image)
            yield _Order(f"{stem}.gsps.dcm", state, image.facts)
        if "sc" in kinds:
            capture = partial(secondary_capture, study, image, out / f"{stem}.png")
            yield _Order(f"{stem}.sc.dcm", capture, image.facts)


def _failure(error: Exception, path: Path) -> Failure:
    if isinstance(error, OutputError):
        return Failure.of(error, path)
    # What a library says may quote the patient.
    cause = str(error) if isinstance(error, Damaged) else f"{type(error).__name__} while making it"
    return Failure.of(OutputError(path, cause), path)
