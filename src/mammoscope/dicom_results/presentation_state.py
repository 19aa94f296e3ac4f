"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): one image with its marks in a layer.

One state an image: the modality and presentation look-up tables of a state hold for all images that
it refers to, and viewers offer states with the image they are of.
"""

from __future__ import annotations

import math
from copy import copy

import numpy as np
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
from mammoscope.reading.dicom.tags import Tags

_LAYER = GraphicLayer("MAMMOSCOPE", order=1, description="Marks of mammoscope, research use")


def presentation_state(study: Study, image: StudyImage) -> GrayscaleSoftcopyPresentationState:
    """An image as its file has it shown, with a box, number and score for each finding."""
    tags = Tags(image.header)
    source = reference(image.header)
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
        presentation_lut_transformation=PresentationLUTTransformation(_shape(tags)),
        **common(study, f"gsps {image.laterality or ''}".strip(), image.place),
    )
    state.Laterality = image.laterality
    _add_modality_lut(state, tags)
    _add_voi_lut(state, tags)
    return state


def _label(finding: Finding) -> TextObject:
    text = f"{finding.number}  {finding.score:.2f}"
    if not math.isnan(finding.p_malignant):
        text += f"  P(mal) {finding.p_malignant:.2f}"
    x1, y0 = finding.box[2], finding.box[1]
    return TextObject(text, "PIXEL", anchor_point=(x1, y0), anchor_point_visible=False)


def _shape(tags: Tags) -> str:
    """The shape that the file names, else that of its photometric interpretation (C.8.11.3)."""
    inverse = tags.text("PhotometricInterpretation") == "MONOCHROME1"
    shape = tags.text("PresentationLUTShape")
    return shape if shape in ("IDENTITY", "INVERSE") else ("INVERSE" if inverse else "IDENTITY")


def _add_modality_lut(state: Dataset, tags: Tags) -> None:
    """As in the file, PS3.3 C.11.1."""
    for keyword in ("ModalityLUTSequence", "RescaleIntercept", "RescaleSlope", "RescaleType"):
        value = tags.get(keyword)
        if value is not None:
            setattr(state, keyword, value)
    if "RescaleIntercept" in state and "RescaleType" not in state:
        state.RescaleType = "US"


def _add_voi_lut(state: Dataset, tags: Tags) -> None:
    """The one that ``read`` shows by default: the first table, else the first window (C.11.8)."""
    item = Dataset()
    table = tags.item("VOILUTSequence")
    center, width = tags.numbers("WindowCenter"), tags.numbers("WindowWidth")
    if table is not None:
        item.VOILUTSequence = [_little_endian(table, tags)]
    elif center and width:
        item.WindowCenter, item.WindowWidth = center[0], width[0]
        if function := tags.text("VOILUTFunction"):
            item.VOILUTFunction = function
    else:
        return
    state.SoftcopyVOILUTSequence = [item]


def _little_endian(table: Dataset, tags: Tags) -> Dataset:
    """A look-up table whose entries, which pydicom takes for mere bytes, are as those of states."""
    if tags.dataset.original_encoding[1] is False and isinstance(table.LUTData, bytes):
        table = copy(table)
        table.LUTData = np.frombuffer(table.LUTData, ">u2").astype("<u2").tobytes()
    return table
