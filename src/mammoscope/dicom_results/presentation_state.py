"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): one image with its marks in a layer.

One state an image: the modality and presentation look-up tables of a state hold for all images that
it refers to, and viewers offer states with the image they are of.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from highdicom import PresentationLUTTransformation
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from pydicom import Dataset

from mammoscope.dicom_results.instance import common, reference
from mammoscope.dicom_results.study import Finding, Study, StudyImage
from mammoscope.types import GreyScale, GreyTable

_LAYER = GraphicLayer("MAMMOSCOPE", order=1, description="Marks of mammoscope, research use")


def presentation_state(
    study: Study, image: StudyImage, overlay: Callable[[], bytes]
) -> GrayscaleSoftcopyPresentationState | None:
    """An image as it was read, with a box, number and score for each finding.

    None where there is no finding; the overlay is not looked at.
    """
    if not image.findings:
        return None
    grey = image.facts.grey or GreyScale()
    source = reference(image.facts)
    marks = GraphicAnnotation(
        [source],
        _LAYER,
        graphic_objects=[
            GraphicObject("POLYLINE", finding.outline, "PIXEL") for finding in image.findings
        ],
        text_objects=[_label(finding) for finding in image.findings],
    )
    state = GrayscaleSoftcopyPresentationState(
        [source],
        content_label="MAMMOSCOPE",
        content_description="Marks of mammoscope, research use",
        graphic_annotations=[marks],
        graphic_layers=[_LAYER],
        presentation_lut_transformation=PresentationLUTTransformation(
            "INVERSE" if grey.inverted else "IDENTITY"
        ),
        **common(study, f"gsps {image.laterality or ''}".strip(), image.place),
    )
    state.Laterality = image.laterality
    _add_modality_lut(state, grey)
    _add_voi_lut(state, grey)
    return state


def _label(finding: Finding) -> TextObject:
    text = f"{finding.number}  {finding.score:.2f}"
    if not math.isnan(finding.p_malignant):
        text += f"  P(mal) {finding.p_malignant:.2f}"
    x1, y0 = finding.box[2], finding.box[1]
    return TextObject(text, "PIXEL", anchor_point=(x1, y0), anchor_point_visible=False)


def _add_modality_lut(state: Dataset, grey: GreyScale) -> None:
    """PS3.3 C.11.1."""
    if grey.modality_table is not None:
        item = _table(grey.modality_table)
        item.ModalityLUTType = "US"
        state.ModalityLUTSequence = [item]
    elif grey.rescale != (1.0, 0.0):
        slope, intercept = grey.rescale
        state.RescaleIntercept, state.RescaleSlope = _decimal(intercept), _decimal(slope)
        state.RescaleType = "US"


def _add_voi_lut(state: Dataset, grey: GreyScale) -> None:
    """The table or window that was applied (C.11.8); none where the whole range was mapped."""
    item = Dataset()
    if grey.voi_table is not None:
        item.VOILUTSequence = [_table(grey.voi_table)]
    elif grey.window is not None:
        item.VOILUTFunction, center, width = grey.window
        item.WindowCenter, item.WindowWidth = _decimal(center), _decimal(width)
    else:
        return
    state.SoftcopyVOILUTSequence = [item]


def _table(table: GreyTable) -> Dataset:
    """Its first input may be negative, and is then written with a sign (C.11.2.1.1)."""
    item = Dataset()
    entries = len(table.entries) // 2 % 65536
    vr = "SS" if table.first < 0 else "US"
    if vr == "SS" and entries > 32767:
        entries -= 65536
    item.add_new("LUTDescriptor", vr, [entries, table.first, table.bits])
    item.add_new("LUTData", "OW", table.entries)
    return item


def _decimal(value: float) -> str:
    """In at most the 16 characters of a Decimal String (PS3.5 6.2)."""
    exact = f"{value:.15g}"
    return exact if len(exact) <= 16 else f"{value:.9g}"
