"""What readers have said as DICOM reports, TID 1500 with the reader as observer."""

from __future__ import annotations

import hashlib
import io
import zipfile

from mammoscope.dicom_results import kinds
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import StudyEntry
from mammoscope.viewer.reads import Read

_EPOCH = (1980, 1, 1, 0, 0, 0)


def reader_reports(exporter: Exporter) -> bytes:
    """A ZIP file with a report of each study that was read and whose images are DICOM files.

    Raises
    ------
    MissingExtra
        If highdicom is not installed.
    """
    kinds.need_extra()
    from mammoscope.dicom_results.reports import reader_report_bytes

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for study, read in exporter.settled():
            images = [image for image in study.images if read.has_read(image.key)]
            results = [exporter.library.result(image) for image in images]
            pairs = [
                (exporter.sources.path(result, image), result)
                for image, result in zip(images, results, strict=True)
                if result.source.kind == "DICOM" and result.source.sop_instance_uid
            ]
            if pairs:
                data = reader_report_bytes(pairs, _statement(exporter, study, read))
                # As elsewhere a study's file is called by a digest, never by its patient.
                name = f"study-{hashlib.sha256(study.key.encode()).hexdigest()[:12]}.reader.dcm"
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return packed.getvalue()


def _statement(exporter: Exporter, study: StudyEntry, read: Read):  # type: ignore[no-untyped-def]
    from mammoscope.dicom_results.reader_report import ReaderMark, ReaderStatement

    uids = {
        image.key: exporter.library.result(image).source.sop_instance_uid for image in study.images
    }
    marks: dict[str, list[ReaderMark]] = {}
    for mark in read.standing:
        if uid := uids.get(mark.image):
            said = ReaderMark(mark.id, mark.box, mark.label, mark.birads, mark.rating, mark.text)
            marks.setdefault(uid, []).append(said)
    exam = read.exam
    return ReaderStatement(
        read.reader,
        marks,
        {"R": exam.birads_right, "L": exam.birads_left},
        exam.density,
        exam.rating,
        exam.text,
    )
