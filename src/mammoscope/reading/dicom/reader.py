"""One DICOM file to a Mammogram; everything that is no two-dimensional grey mammogram refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mammoscope.geometry import Frame
from mammoscope.reading.air import air_level
from mammoscope.reading.dicom.facts import dicom_facts, identity_of
from mammoscope.reading.dicom.identity import identify
from mammoscope.reading.dicom.intensity import GreyMap, grey_map, presentation_intent, to_grey
from mammoscope.reading.dicom.kinds import ImageKind, check_kind
from mammoscope.reading.dicom.parsing import parse
from mammoscope.reading.dicom.pixel_data import Cells, PixelFormat, read_cells
from mammoscope.reading.dicom.spacing import IMAGER, read_spacing
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.options import ReadOptions
from mammoscope.reading.words import MAGNIFICATION
from mammoscope.types import Mammogram, Pixels, SourceFacts


def read_dicom(
    data: bytes, path: str, sha256: Callable[[], str], options: ReadOptions
) -> Mammogram:
    """Decode one DICOM file.

    Parameters
    ----------
    data
        The bytes of the file.
    path, sha256
        For the facts of the source; the digest is asked for last, for it may still be computed.
    options
        How to read.

    Raises
    ------
    Damaged
        If it is no DICOM file, or one that is cut short or makes no sense.
    Refused
        If it is no two-dimensional grey mammogram.
    """
    parsed = parse(data, options.max_pixels)
    whose = identity_of(parsed.dataset)
    tags = Tags(parsed.dataset)
    identity = identify(tags)
    kind = check_kind(tags, identity.modifiers, options.any_modality)
    pixel_format = PixelFormat.of(tags, options.max_pixels)
    cells, pixel_warnings = read_cells(parsed.dataset, parsed.syntax, pixel_format)
    pixels, grey, polarity_warnings = _to_grey(tags, cells, options)
    rows, columns = pixel_format.rows, pixel_format.columns
    spacing_warnings: list[str] = []
    spacing = read_spacing(tags, rows, columns, spacing_warnings)
    if MAGNIFICATION in identity.modifiers and spacing.source == IMAGER:
        spacing_warnings.append(
            "A magnification view of which the factor is not said: sizes in mm are those at the"
            " detector, and too large."
        )
    return Mammogram(
        pixels=pixels,
        frame=Frame(rows, columns, spacing_mm=spacing.mm, spacing_source=spacing.source),
        laterality=identity.laterality,
        view=identity.view,
        patient_id=identity.patient_id,
        study_id=identity.study_id,
        source=SourceFacts(
            path=path,
            sha256=sha256(),
            kind="DICOM",
            rows=rows,
            columns=columns,
            bits_stored=pixel_format.bits_stored,
            transfer_syntax=str(parsed.syntax),
            intensity=grey.words,
            **_stated_facts(tags, kind),
        ),
        warnings=(
            *(*parsed.warnings, *pixel_warnings, *grey.warnings, *polarity_warnings),
            *(*identity.warnings, *kind.warnings, *spacing_warnings),
        ),
        dicom=dicom_facts(tags, whose, grey.scale),
    )


def _to_grey(
    tags: Tags, cells: Cells, options: ReadOptions
) -> tuple[Pixels, GreyMap, tuple[str, ...]]:
    """The picture; where the tags contradict each other on what is bright, the air decides."""
    grey = grey_map(tags, cells.format, options.voi)
    pixels = to_grey(cells, grey)
    if not grey.doubtful or options.polarity != "auto":
        return pixels, grey, ()
    level = air_level(pixels)
    if level is None:
        return pixels, grey, ("Which values are bright is in doubt, and no air around it tells.",)
    if level > 0.5:
        grey = grey_map(tags, cells.format, options.voi, negative=True)
        pixels = to_grey(cells, grey)
    return pixels, grey, ("Which values are bright was told by the air around the breast.",)


def _stated_facts(tags: Tags, kind: ImageKind) -> dict[str, Any]:
    """The facts of the source that the tags state in words."""
    return {
        "sop_class": tags.text("SOPClassUID"),
        "sop_instance_uid": tags.text("SOPInstanceUID"),
        "photometric": tags.text("PhotometricInterpretation"),
        "presentation_intent": presentation_intent(tags),
        "patient_orientation": tags.text("PatientOrientation"),
        "manufacturer": tags.text("Manufacturer"),
        "image_kind": kind.name,
        "modifiers": kind.modifiers,
    }
