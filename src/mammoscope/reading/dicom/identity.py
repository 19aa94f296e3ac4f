"""Which breast, view, patient and study an image is of: from the tags, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

from mammoscope.reading import words
from mammoscope.reading.dicom.tags import Tags, code_string
from mammoscope.reading.faults import Damaged

_SIDE_TAGS = ("ImageLaterality", "FrameLaterality", "Laterality")
_REGIONS = ("AnatomicRegionSequence", "PrimaryAnatomicStructureSequence")
_REGION_MODIFIERS = ("AnatomicRegionModifierSequence", "PrimaryAnatomicStructureModifierSequence")
_DESCRIPTIONS = ("SeriesDescription", "AcquisitionDeviceProcessingDescription", "ProtocolName")


@dataclass(frozen=True)
class Identity:
    """What the tags say, and what of it is doubtful."""

    laterality: str | None
    view: str | None
    modifiers: tuple[str, ...]
    patient_id: str | None
    study_id: str | None
    warnings: tuple[str, ...]


def identify(tags: Tags) -> Identity:
    """Read the identity from the tags."""
    warnings: list[str] = []
    stated = _stated_views(tags, warnings)
    side = _side(tags, stated, warnings)
    return Identity(
        laterality=side,
        view=_view(stated, warnings),
        modifiers=tuple(dict.fromkeys(m for _, said in stated for m in said.modifiers)),
        patient_id=tags.text("PatientID"),
        study_id=tags.text("StudyInstanceUID"),
        warnings=tuple(warnings),
    )


def _stated_views(tags: Tags, warnings: list[str]) -> list[tuple[str, words.ViewWords]]:
    """What is said of the view, and where, the most trusted place first."""
    found = []
    position = [text for text in tags.texts("ViewPosition") if text]
    said = [words.parse_view(text) for text in position]
    found += [("View Position", part) for part in said if part]
    if position and not any(said):
        warnings.append(f"View Position {code_string(position[0].upper())!r} is no known view.")
    for item in _items(tags, "ViewCodeSequence"):
        found.append(("View Code Sequence", words.coded_view(*_code(item))))
        for modifier in _items(Tags(item), "ViewModifierCodeSequence"):
            modified = words.coded_view(*_code(modifier))
            # A view may stand there as its own modifier, such as the axillary tail.
            names = modified.modifiers or words.modifier_of_view(modified.view)
            found.append(("View Modifier Code Sequence", words.ViewWords(None, None, names)))
    # Its place is an item of View Code Sequence; some put it beside that.
    for modifier in _items(tags, "ViewModifierCodeSequence"):
        said_there = words.coded_view(*_code(modifier)).modifiers
        found.append(("View Modifier Code Sequence", words.ViewWords(None, None, said_there)))
    # CBIS-DDSM's own DICOM files have the view in Patient Orientation, and nowhere else.
    orientation = tags.text("PatientOrientation") or ""
    if orientation in words.VIEWS:
        found.append(("Patient Orientation", words.ViewWords(orientation)))
    if not any(part.view for _, part in found):
        found += _described(tags)
    return [(place, part) for place, part in found if part]


def _described(tags: Tags) -> list[tuple[str, words.ViewWords]]:
    """A description that is a view's label and nothing else, such as "L CC"."""
    for keyword in _DESCRIPTIONS:
        said = words.parse_view(tags.text(keyword) or "")
        if said.view:
            return [(keyword, said)]
    return []


def _view(stated: list[tuple[str, words.ViewWords]], warnings: list[str]) -> str | None:
    views = [(place, said.view) for place, said in stated if said.view]
    if not views:
        return None
    place, view = views[0]
    if place in _DESCRIPTIONS:
        warnings.append(f"The view {view} stands in {place} alone.")
    for other, differing in views[1:]:
        if differing != view:
            warnings.append(f"{place} says {view}, {other} {differing}: took the first.")
            break
    return view


def _side(tags: Tags, stated: list[tuple[str, words.ViewWords]], warnings: list[str]) -> str | None:
    """L or R; "B" (both) and "U" (unpaired) are no side."""
    sides = [*_stated_sides(tags, warnings)]
    sides += [(place, said.side) for place, said in stated if said.side]
    if not any(side in ("L", "R", "B") for _, side in sides):
        sides += [(place, part.side) for place, part in _described(tags) if part.side]
    if not sides:
        return None
    place, side = sides[0]
    if place in _DESCRIPTIONS:
        warnings.append(f"The side {side} stands in {place} alone.")
    for other, differing in sides[1:]:
        if differing != side:
            warnings.append(f"{place} says {side}, {other} {differing}: took the first.")
            break
    return side if side in ("L", "R") else None


def _stated_sides(tags: Tags, warnings: list[str]) -> Iterator[tuple[str, str]]:
    for keyword in _SIDE_TAGS:
        for text in filter(None, tags.texts(keyword)[:1]):
            if side := words.parse_side(text):
                yield keyword, side
            else:
                warnings.append(f"{keyword} {code_string(text.upper())!r} names no side: ignored.")
    for keyword in _REGIONS:
        for item in _items(tags, keyword):
            modifiers = (m for name in _REGION_MODIFIERS for m in _items(Tags(item), name))
            for code in (item, *modifiers):
                if side := words.coded_side(*_code(code)):
                    yield keyword, side
    for text in tags.texts("BodyPartExamined"):
        if side := words.parse_view(text).side:
            yield "BodyPartExamined", side


def _items(tags: Tags, keyword: str) -> list[Dataset]:
    try:
        return tags.items(keyword)
    except Damaged:
        return []


def _code(item: Dataset) -> tuple[str, str, str]:
    """Code value, coding scheme designator and meaning."""
    tags = Tags(item)
    values = (tags.text(k) for k in ("CodeValue", "LongCodeValue", "URNCodeValue"))
    value = next((v for v in values if v), "")
    return value, tags.text("CodingSchemeDesignator") or "", tags.text("CodeMeaning") or ""
