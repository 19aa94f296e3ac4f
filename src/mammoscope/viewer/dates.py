"""When a study was made, as its files say."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from mammoscope.reading.quiet import quiet


def study_date(path: Path) -> str | None:
    """The Study Date of a DICOM file as YYYY-MM-DD; None where it is unknown or no DICOM file."""
    try:
        with quiet():
            header = dcmread(path, specific_tags=["StudyDate"], stop_before_pixels=True, force=True)
            date = str(header.get("StudyDate", ""))
    except Exception:
        return None  # Parsers fail on what is no DICOM file in any way.
    if len(date) != 8 or not date.isdigit():
        return None
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"
