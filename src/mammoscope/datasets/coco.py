"""COCO JSON: any images with boxes, as many annotation tools export them.

Layout: ``PATH`` is the JSON file, or a folder with ``annotations.json``, or with a single JSON file
of another name. ``images`` (id, file_name, and optional width, height, patient_id, laterality,
view, split), ``annotations`` (image_id, category_id, bbox as [x, y, width, height] in pixels from
the top-left corner, optional iscrowd) and ``categories`` (id, name). An image's file lies beside
the JSON file, or in ``images`` there. The format: https://cocodataset.org.

Traps: an image without annotations has no lesion; where a bbox is missing, the box around the
polygons of the segmentation is taken; without patient_id each image counts as a patient of its own;
a class whose name says nothing of its kind counts as masses, see ``classes.py``; a crowd
(``iscrowd``) is a region to ignore; where a picture has another size than the file says, its boxes
are scaled, with a note, and a picture that seems turned has unknown boxes. What cannot be meant
costs itself: an annotation makes the boxes of its image unknown, with a note, and one of no image
is told. Terms: those of the images.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet, Lesion, doubtful
from mammoscope.datasets.classes import meaning
from mammoscope.datasets.fields import SIDES
from mammoscope.datasets.numbers import number, whole
from mammoscope.errors import InputError, ReadError, TableError
from mammoscope.files import read_file
from mammoscope.tables import Box

_Item = Mapping[str, Any]
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "test"), "test"),
}
_CLOSE = 0.02
"""Scales along x and y that differ by less are one: sizes are whole pixels."""


@dataclass(frozen=True)
class _Marked:
    """What lies on one image."""

    lesions: tuple[Lesion, ...] = ()
    crowds: tuple[Box, ...] = ()


def load(path: Path) -> ImageSet:
    """The annotation table of ``path``.

    Items that cannot be meant are left out: of a list that is there, items that lack a value or
    repeat an id, annotations of an image that is not listed, second images of a file. An
    annotation without a box, or of a category that is not listed, makes the boxes of its image
    unknown.

    Raises
    ------
    TableError
        If the file cannot be read, lacks one of the three lists, or has no image that can be meant.
    """
    file = _table(path) if path.is_dir() else path
    content = _read(file)
    faults: list[InputError] = []
    of_image: dict[str, list[InputError]] = defaultdict(list)
    images = _by_id(file, "image", "file_name", _list(file, content, "images", faults), of_image)
    ambiguous: dict[str, list[InputError]] = defaultdict(list)
    categories = _list(file, content, "categories", faults)
    listed = _by_id(file, "category", "name", categories, ambiguous)
    faults += [error for errors in ambiguous.values() for error in errors]
    names = {key: str(c["name"]) for key, c in listed.items() if key not in ambiguous}
    marked: dict[str, _Marked] = defaultdict(_Marked)
    for item in _list(file, content, "annotations", faults):
        owner = _key(item.get("image_id"))
        try:
            if owner not in images:
                cause = f"is of image {item.get('image_id')!r}, which is not listed"
                raise TableError(file, f"annotation {item.get('id')!r} {cause}")
            marked[owner] = _with(file, item, names, marked[owner])
        except TableError as error:
            of_image[owner].append(error)
    made = [(key, *_image(file, item, marked[key])) for key, item in images.items()]
    found = [doubtful(i, of_image.pop(key, ())) for key, i, _ in made]
    faults += [error for errors in of_image.values() for error in errors]
    faults += [error for _, _, errors in made for error in errors]
    if faults and not found:
        raise faults[0]
    return ImageSet.of(_one_a_file(file, found), faults)


def _with(file: Path, item: _Item, names: Mapping[str, str], there: _Marked) -> _Marked:
    """What lies on an image, and an annotation."""
    category = item.get("category_id")
    if _key(category) not in names:
        cause = f"is of category {category!r}, which is not listed"
        raise TableError(file, f"annotation {item.get('id')!r} {cause}")
    label, kinds = meaning(names[_key(category)])
    box = _box(file, item)
    if whole(item.get("iscrowd", 0)):
        return replace(there, crowds=(*there.crowds, box))
    return replace(there, lesions=(*there.lesions, Lesion(box, label, kinds)))


def _one_a_file(file: Path, found: list[AnnotatedImage]) -> Iterator[AnnotatedImage]:
    """In the order of the files; one that is listed twice has unknown boxes."""
    ordered = sorted(found, key=lambda image: str(image.path))
    for path, group in groupby(ordered, key=lambda image: image.path):
        first, *others = group
        twice = (
            [TableError(file, f"{len(others) + 1} images are of the file {path}")] if others else []
        )
        yield doubtful(first, twice)


def _table(folder: Path) -> Path:
    """The JSON file of a folder."""
    usual = folder / "annotations.json"
    others = sorted(folder.glob("*.json"))
    return others[0] if not usual.is_file() and len(others) == 1 else usual


def _image(file: Path, item: _Item, marked: _Marked) -> tuple[AnnotatedImage, list[InputError]]:
    """An image, and what it says that cannot be meant."""
    name, faults = str(item["file_name"]), list[InputError]()
    side = str(item.get("laterality") or "").strip().lower()
    if side and side not in SIDES:
        cause = f"image {name}: laterality must be L or R, got {side!r}: unknown"
        faults.append(TableError(file, cause))
    view = str(item.get("view") or "").strip().upper() or None
    split = str(item.get("split") or "").strip().lower()
    if split and split not in _SPLITS:
        cause = f"image {name}: split must be train or test, got {split!r}: unknown"
        faults.append(TableError(file, cause))
    patient = item.get("patient_id")
    image = AnnotatedImage.of(
        _path(file, name),
        name if patient is None else _key(patient),
        marked.lesions,
        laterality=SIDES.get(side),
        view=view,
        split=_SPLITS.get(split),
        ignored=marked.crowds,
    )
    return _at_its_size(image, item), faults


def _path(file: Path, name: str) -> Path:
    """The image's file, whatever system its name is from."""
    for each in dict.fromkeys((name, name.replace("\\", "/"))):
        for path in (file.parent / each, file.parent / "images" / each):
            if path.is_file():
                return path
    return file.parent / name


def _at_its_size(image: AnnotatedImage, item: _Item) -> AnnotatedImage:
    """The image with its boxes in pixels of its file, where the file has another size than said."""
    from mammoscope.reading.dicom.header import read_header

    said = whole(item.get("height")), whole(item.get("width"))
    if not all(said) or not (len(image.boxes) or image.ignored) or not image.path.is_file():
        return image
    try:
        header = read_header(image.path)
    except ReadError:
        # Whoever reads or checks the image is told.
        return image
    rows, columns = said
    assert rows and columns  # noqa: S101  (both are positive: narrows the types)
    down, along = header.rows / rows, header.columns / columns
    if (header.rows, header.columns) == (rows, columns):
        return image
    note = f"listed with {columns} x {rows} pixels, its file has {header.columns} x {header.rows}: "
    if (header.rows > header.columns) != (rows > columns) and abs(down / along - 1) > _CLOSE:
        unknown = AnnotatedImage.unmarked(
            image.path,
            image.patient_id,
            **{n: getattr(image, n) for n in ("laterality", "view", "split")},
        )
        return replace(unknown, notes=(note + "its boxes are unknown, for it may be turned",))
    scale = np.array([along, down, along, down])
    return replace(
        image,
        boxes=image.boxes * scale,
        ignored=tuple(tuple((np.array(box) * scale).tolist()) for box in image.ignored),
        notes=(note + "its boxes are scaled",),
    )


def _read(file: Path) -> _Item:
    try:
        content = json.loads(read_file(file))
    except OSError as error:
        raise TableError(file, error.strerror or str(error)) from error
    except ValueError as error:
        raise TableError(file, f"not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TableError(file, "not a JSON object")
    return content


def _list(file: Path, content: _Item, key: str, faults: list[InputError]) -> list[_Item]:
    items = content.get(key)
    if not isinstance(items, list) or (items and not any(isinstance(i, dict) for i in items)):
        raise TableError(file, f"lacks {key}, a list of objects")
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            faults.append(TableError(file, f"number {at + 1} of {key} is no object"))
    return [item for item in items if isinstance(item, dict)]


def _by_id(
    file: Path, what: str, named: str, items: list[_Item], faults: dict[str, list[InputError]]
) -> dict[str, _Item]:
    """The items by their id; of one that is there twice the first, with an error by the id."""
    found: dict[str, _Item] = {}
    for item in items:
        key = _key(item.get("id"))
        try:
            _value(file, what, item, "id")
            if key in found and item != found[key]:
                raise TableError(file, f"{what} {item['id']!r} is listed twice")
            _value(file, what, item, named)
        except TableError as error:
            faults[key].append(error)
        else:
            found.setdefault(key, item)
    return found


def _key(value: object) -> str:
    """An id however a tool writes it: 3, 3.0 and "3" are one."""
    exact = value if isinstance(value, str) else whole(value)
    return str(value if exact is None else exact).strip()


def _value(file: Path, what: str, item: _Item, key: str) -> Any:
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TableError(file, f"{what} {item.get('id')!r} lacks {key}")
    return value


def _box(file: Path, item: _Item) -> Box:
    bbox = item.get("bbox")
    if not bbox and (around := _around(item.get("segmentation"))):
        return around
    values = [number(value) for value in bbox] if isinstance(bbox, list) else []
    x, y, width, height = values if len(values) == 4 else (None,) * 4
    if x is None or y is None or width is None or height is None:
        raise TableError(file, f"annotation {item.get('id')!r}: bbox is not four numbers")
    if width <= 0 or height <= 0:
        raise TableError(file, f"annotation {item.get('id')!r}: bbox {bbox} has no area")
    return x, y, x + width, y + height


def _around(polygons: object) -> Box | None:
    """The box around polygons [[x, y, x, y, ...], ...]; None of anything else."""
    if not isinstance(polygons, list) or not all(isinstance(p, list) for p in polygons):
        return None
    points: Sequence[float | None] = [number(v) for polygon in polygons for v in polygon]
    known = [v for v in points if v is not None]
    if len(known) < len(points) or len(known) < 6 or any(len(p) % 2 for p in polygons):
        return None
    xs, ys = known[::2], known[1::2]
    box = min(xs), min(ys), max(xs), max(ys)
    return box if box[2] > box[0] and box[3] > box[1] else None


ADAPTER = Adapter(
    name="coco",
    title="Any images with COCO JSON",
    home="your own images; the format: https://cocodataset.org/#format-data",
    licence="that of the images",
    traps=(
        "An image without annotations has no lesion.",
        "Without patient_id each image counts as a patient of its own.",
        "The boxes of a class count as masses unless its name says otherwise.",
        "A crowd (iscrowd) is a region to ignore.",
        "Boxes are scaled where a picture has another size than the file says.",
    ),
    load=load,
)
