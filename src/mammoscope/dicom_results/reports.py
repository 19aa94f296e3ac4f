"""One report at a time, in memory: the model's of a study, and a reader's."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from pydicom import Dataset, dcmread

from mammoscope.dicom_results.instance import seal
from mammoscope.dicom_results.measurement_report import measurement_report
from mammoscope.dicom_results.reader_report import ReaderStatement, reader_report
from mammoscope.dicom_results.study import group_by_study, study_of
from mammoscope.dicom_results.write import unheard
from mammoscope.errors import ReadError
from mammoscope.types import ImageResult


def study_report(pairs: Sequence[tuple[Path, ImageResult]]) -> Dataset:
    """TID 1500 of what the model says of the images of one study.

    Raises
    ------
    ReadError
        If a file has not the UIDs that a report needs.
    """
    data = _sealed(pairs, None)
    with unheard():
        return dcmread(io.BytesIO(data))


def reader_report_bytes(pairs: Sequence[tuple[Path, ImageResult]], said: ReaderStatement) -> bytes:
    """The bytes of a file with what a reader says of the images of one study.

    Raises
    ------
    ReadError
        If a file has not the UIDs that a report needs.
    """
    return _sealed(pairs, said)


def _sealed(pairs: Sequence[tuple[Path, ImageResult]], said: ReaderStatement | None) -> bytes:
    models = pairs[0][1].models
    try:
        with unheard():
            studies, _ = group_by_study(pairs)
            study = study_of(next(iter(studies.values())), models)
            made = measurement_report(study) if said is None else reader_report(study, said)
            return seal(made, study.newest, study.images[0].facts)
    except (StopIteration, AttributeError, KeyError, ValueError, TypeError) as error:
        # What a library says may quote the patient.
        cause = f"no report can be made of it ({type(error).__name__})"
        raise ReadError(pairs[0][0], cause) from error
