"""YOLO text files: any images with boxes, one text file an image.

Layout::

    PATH/images/**/NAME.png       any image format that can be read
    PATH/labels/**/NAME.txt       lines "class cx cy w h", parts of the image's width and height,
                                  or "class x y x y x y ...", a polygon of three points or more
    PATH/data.yaml                optional, for ``names``: a list or numbers with names; or
    PATH/classes.txt              a name a line, also in ``labels``

``images/train`` and ``images/test`` give the split; ``val`` and ``valid`` count as test. The
header of every marked image is read for its size. The format:
https://docs.ultralytics.com/datasets/detect/.

Traps: an image without a text file has no lesion, and a text file without an image is told;
nothing names the patient, so each image counts as one, and a split by patient is one by image;
without names every box counts as a mass, and so does one of a class whose name says nothing of its
kind, see ``classes.py``; a box may leave the image, which ``datasets check`` tells. Terms: those of
the images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet, Lesion, doubtful
from mammoscope.datasets.classes import meaning
from mammoscope.datasets.numbers import number, whole
from mammoscope.errors import InputError, ReadError, TableError
from mammoscope.files import read_file
from mammoscope.naming.outputs import IMAGE_SUFFIXES
from mammoscope.tables import Box, read_text

_SPLITS = {"train": "train", "val": "test", "valid": "test", "test": "test"}
_LISTED = re.compile(r"names\s*:\s*\[([^\]]*)\]")
_MAPPED = re.compile(r"names\s*:\s*\{([^}]*)\}")
_NUMBERED = re.compile(r"\s+(\d+)\s*:\s*(.+)")
_CLASSES = "classes.txt"
_LEAST_POLYGON = 6
"""Numbers of a polygon: three points."""
_DASHED = re.compile(r"\s*-\s+(.+)")


def load(path: Path) -> ImageSet:
    """The annotation table of the set in ``path``.

    A line that cannot be meant is left out, and the boxes of its image are unknown: one that is not
    five numbers, nor a polygon, whose box has its centre beside the image or no area or is larger
    than the image, or whose class ``names`` does not name. A text file of an image that is not
    there is told.

    Raises
    ------
    InputError
        If there is no folder ``images`` with images, or no folder ``labels``.
    TableError
        If ``names`` is there in a way that is not understood.
    """
    root = path / "images"
    files = sorted(f for f in root.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InputError(root, "holds no images")
    if not (path / "labels").is_dir():
        raise InputError(path / "labels", "no such folder: every image would seem to be normal")
    names = _names(path / "data.yaml") or _listed(path)
    images = (_image(path, file.relative_to(root), names) for file in files)
    return ImageSet.of(images, _without_image(path, files))


def _image(path: Path, name: Path, names: Mapping[int, str]) -> AnnotatedImage:
    split = _SPLITS.get(name.parts[0]) if len(name.parts) > 1 else None
    table = path / "labels" / name.with_suffix(".txt")
    file, faults, lesions = path / "images" / name, list[InputError](), list[Lesion]()
    lines, size = list[tuple[int, str]](), (1, 1)
    try:
        lines = _lines(table)
        size = _size(file) if lines else size
    except TableError as error:
        faults.append(error)
    except ReadError as error:
        faults.append(InputError(error.path, f"its size is unknown: {error.cause}"))
        lines = []
    for at, line in lines:
        try:
            kind, box = _lesion(table, at, line, size)
            if names and kind not in names:
                raise TableError(table, f"line {at}: class {kind} has no name in data.yaml")
        except TableError as error:
            faults.append(error)
        else:
            lesions.append(Lesion(box, *meaning(names.get(kind, ""))))
    return doubtful(AnnotatedImage.of(file, str(name), lesions, split=split), faults)


def _size(file: Path) -> tuple[int, int]:
    from mammoscope.reading.dicom.header import read_header

    header = read_header(file)
    return header.rows, header.columns


def _lines(table: Path) -> list[tuple[int, str]]:
    """The lines that are not empty with their numbers; none where there is no file."""
    if not table.is_file():
        return []
    lines = read_text(table).splitlines()
    return [(i, line) for i, line in enumerate(lines, 1) if line.strip()]


def _lesion(table: Path, at: int, line: str, size: tuple[int, int]) -> tuple[int, Box]:
    """Class and box of a line."""
    kind, *parts = line.split()
    values = [number(part) for part in parts]
    numbers = [value for value in values if value is not None]
    is_polygon = len(values) >= _LEAST_POLYGON and len(values) % 2 == 0
    known = whole(kind)
    if known is None or len(numbers) < len(values) or not (len(values) == 4 or is_polygon):
        raise TableError(table, f"line {at}: expected class cx cy w h")
    if not all(0 <= value <= 1 for value in numbers):
        raise TableError(table, f"line {at}: the box is not given in parts of the image")
    if is_polygon:
        xs, ys = numbers[::2], numbers[1::2]
        x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
    else:
        cx, cy, w, h = numbers
        x0, y0, x1, y1 = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    if x1 <= x0 or y1 <= y0:
        raise TableError(table, f"line {at}: the box has no area")
    rows, columns = size
    return known, (x0 * columns, y0 * rows, x1 * columns, y1 * rows)


def _without_image(path: Path, images: Sequence[Path]) -> list[InputError]:
    """The text files without an image: no box is passed over in silence."""
    known = {image.relative_to(path / "images").with_suffix("") for image in images}
    tables = sorted((path / "labels").rglob("*.txt"))
    return [
        InputError(table, "there is no image of this name")
        for table in tables
        if table.relative_to(path / "labels").with_suffix("") not in known
        and table.name != _CLASSES
        and read_file(table).strip()
    ]


def _listed(path: Path) -> dict[int, str]:
    """The names in ``classes.txt``, a line each."""
    for file in (path / _CLASSES, path / "labels" / _CLASSES):
        if lines := _lines(file):
            return dict(enumerate(name.strip() for _, name in lines))
    return {}


def _names(file: Path) -> dict[int, str]:
    """Class names in any of YAML's three ways that are in use; all else in the file is passed over.

    Raises
    ------
    TableError
        If ``names`` is there in a way that is not understood.
    """
    if not file.is_file():
        return {}
    lines = read_text(file, errors="replace").splitlines()
    at = next((i for i, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if at is None:
        return {}
    inline = " ".join(line.split(" #")[0].strip() for line in lines[at:])
    if listed := _LISTED.match(inline):
        return dict(enumerate(_plain(name) for name in _parts(listed[1])))
    if mapped := _MAPPED.match(inline):
        pairs = [pair.partition(":") for pair in _parts(mapped[1])]
        numbers = [whole(_plain(key)) for key, _, _ in pairs]
        if None not in numbers:
            named = zip(numbers, pairs, strict=True)
            return {n: _plain(name) for n, (_, _, name) in named if n is not None}
    names: dict[int, str] = {}
    for line in lines[at + 1 :]:
        if numbered := _NUMBERED.fullmatch(line):
            names[int(numbered[1])] = _plain(numbered[2])
        elif dashed := _DASHED.fullmatch(line):
            names[len(names)] = _plain(dashed[1])
        elif line.strip():
            break
    if not names:
        raise TableError(file, "names is neither a list nor numbers with names")
    return names


def _parts(text: str) -> list[str]:
    """What stands between commas, but for those in quotes."""
    return [part for part in re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^,])+", text) if part.strip()]


def _plain(name: str) -> str:
    return name.split(" #")[0].strip().strip("'\"")


ADAPTER = Adapter(
    name="yolo",
    title="Any images with YOLO text files",
    home="your own images; the format: https://docs.ultralytics.com/datasets/detect/",
    licence="that of the images",
    traps=(
        "An image without a text file has no lesion.",
        "Nothing names the patient: each image counts as one.",
        "Without class names every box counts as a mass.",
    ),
    load=load,
)
