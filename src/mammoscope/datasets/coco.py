"""COCO JSON: any images with boxes, as many annotation tools export them.

Layout: ``PATH`` is the JSON file, or a folder with ``annotations.json``. ``images`` (id, file_name,
and optional patient_id, laterality, view, split), ``annotations`` (image_id, category_id, bbox as
[x, y, width, height] in pixels from the top-left corner) and ``categories`` (id, name). An image's
file lies beside the JSON file, or in ``images`` there. The format: https://cocodataset.org.

Traps: an image without annotations has no lesion; segmentations are passed over; without
patient_id each image counts as a patient of its own; a class whose name says nothing of its kind
counts as masses, see ``classes.py``. Terms: those of the images.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, Lesion
from mammoscope.datasets.classes import meaning
from mammoscope.datasets.fields import SIDES
from mammoscope.errors import TableError
from mammoscope.tables import Box

_Item = Mapping[str, Any]


def load(path: Path) -> tuple[AnnotatedImage, ...]:
    """The annotation table of ``path``.

    Raises
    ------
    TableError
        If the file cannot be read, lacks one of the three lists or a value, an id of an image or
        a category is listed twice, or an annotation is of one that is not listed.
    """
    file = path / "annotations.json" if path.is_dir() else path
    content = _read(file)
    images = _by_id(file, "image", _list(file, content, "images"))
    categories = _by_id(file, "category", _list(file, content, "categories"))
    names = {key: str(_value(file, "category", c, "name")) for key, c in categories.items()}
    lesions: dict[Any, list[Lesion]] = defaultdict(list)
    for item in _list(file, content, "annotations"):
        owner, category = (_value(file, "annotation", item, k) for k in ("image_id", "category_id"))
        if owner not in images or category not in names:
            cause = f"of image {owner!r} and category {category!r}: one of them is not listed"
            raise TableError(file, f"annotation {item.get('id')!r} is {cause}")
        label, kinds = meaning(names[category])
        lesions[owner].append(Lesion(_box(file, item), label, kinds))
    found = [_image(file, item, lesions[key]) for key, item in images.items()]
    return tuple(sorted(found, key=lambda image: str(image.path)))


def _image(file: Path, item: _Item, lesions: list[Lesion]) -> AnnotatedImage:
    name = str(_value(file, "image", item, "file_name"))
    beside, inside = file.parent / name, file.parent / "images" / name
    side = str(item.get("laterality") or "").strip().upper()
    if side and side not in SIDES:
        raise TableError(file, f"image {name}: laterality must be L or R, got {side!r}")
    view = None if item.get("view") is None else str(item["view"])
    split = item.get("split")
    if split not in (None, "train", "test"):
        raise TableError(file, f"image {name}: split must be train or test, got {split!r}")
    patient = name if item.get("patient_id") is None else str(item["patient_id"])
    path = beside if beside.is_file() or not inside.is_file() else inside
    return AnnotatedImage.of(
        path, patient, lesions, laterality=SIDES.get(side), view=view, split=split
    )


def _read(file: Path) -> _Item:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise TableError(file, error.strerror or str(error)) from error
    except ValueError as error:
        raise TableError(file, f"not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TableError(file, "not a JSON object")
    return content


def _list(file: Path, content: _Item, key: str) -> list[_Item]:
    items = content.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TableError(file, f"lacks {key}, a list of objects")
    return items


def _by_id(file: Path, what: str, items: list[_Item]) -> dict[Any, _Item]:
    found: dict[Any, _Item] = {}
    for item in items:
        key = _value(file, what, item, "id")
        if key in found:
            raise TableError(file, f"{what} {key!r} is listed twice")
        found[key] = item
    return found


def _value(file: Path, what: str, item: _Item, key: str) -> Any:
    value = item.get(key)
    if not isinstance(value, str | int):
        raise TableError(file, f"{what} {item.get('id')!r} lacks {key}")
    return value


def _box(file: Path, item: _Item) -> Box:
    bbox = item.get("bbox")
    values = bbox if isinstance(bbox, list) else []
    numbers = all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    if len(values) != 4 or not numbers:
        raise TableError(file, f"annotation {item.get('id')!r}: bbox is not four numbers")
    x, y, width, height = (float(v) for v in values)
    if width <= 0 or height <= 0:
        raise TableError(file, f"annotation {item.get('id')!r}: bbox {bbox} has no area")
    return x, y, x + width, y + height


ADAPTER = Adapter(
    name="coco",
    title="Any images with COCO JSON",
    home="your own images; the format: https://cocodataset.org/#format-data",
    licence="that of the images",
    traps=(
        "An image without annotations has no lesion.",
        "Without patient_id each image counts as a patient of its own.",
        "The boxes of a class count as masses unless its name says otherwise.",
    ),
    load=load,
)
