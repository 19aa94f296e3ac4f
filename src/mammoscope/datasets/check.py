"""What is in a data set as an adapter reads it, and what is wrong with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mammoscope.annotations.table import AnnotatedImage, ImageSet
from mammoscope.errors import InputError
from mammoscope.files import real_path

UNKNOWN = "unknown"
_BEYOND_PX = 0.5
"""A box may be rounded this far beyond the border."""
_WORKERS = 4


@dataclass(frozen=True)
class Contents:
    """Counts of a set.

    Parameters
    ----------
    images, patients, lesions
        How many there are.
    without_lesion
        Images that are known to have none.
    boxes_unknown
        Images nobody has said the boxes of.
    subtypes, labels
        Lesions by subtype (one of several counts for each) and by label.
    image_labels, laterality, views, density, birads, splits
        Images by what the set says of each.
    """

    images: int
    patients: int
    lesions: int
    without_lesion: int
    boxes_unknown: int
    subtypes: dict[str, int]
    labels: dict[str, int]
    image_labels: dict[str, int]
    laterality: dict[str, int]
    views: dict[str, int]
    density: dict[str, int]
    birads: dict[str, int]
    splits: dict[str, int]

    @classmethod
    def of(cls, images: Sequence[AnnotatedImage]) -> Contents:
        """Count a set."""
        return cls(
            images=len(images),
            patients=len({image.patient_id for image in images}),
            lesions=sum(len(image.boxes) for image in images),
            without_lesion=sum(i.boxes_known and not len(i.boxes) for i in images),
            boxes_unknown=sum(not image.boxes_known for image in images),
            subtypes=_count(k for i in images for kinds in i.subtypes for k in kinds or (None,)),
            labels=_count(label for image in images for label in image.labels),
            image_labels=_count(image.image_label for image in images),
            laterality=_count(image.laterality for image in images),
            views=_count(image.view for image in images),
            density=_count(image.density for image in images),
            birads=_count(image.birads for image in images),
            splits=_count(image.split for image in images),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what kind of thing, and with what."""

    kind: str
    path: str
    cause: str


def find_problems(images: Sequence[AnnotatedImage], read: bool = False) -> tuple[Problem, ...]:
    """What is wrong with a set, ordered by kind.

    Every image must be there with a readable header; boxes must lie on their image; the side and
    view of its tags must not contradict the table; no patient may be in two splits and no file
    may stand in two rows.

    Parameters
    ----------
    read
        Decode every image too, which takes as long as that takes, and find files of the same bytes.
    """
    with ThreadPoolExecutor(_WORKERS) as pool:
        looked_at = list(pool.map(lambda image: _look(image, read), images))
    left_out = images.faults if isinstance(images, ImageSet) else ()
    found = [Problem("row left out", fault.path, fault.cause) for fault in left_out]
    found += [problem for problems, _ in looked_at for problem in problems]
    found += _listed_twice(images)
    found += _in_two_splits(images)
    found += _same_bytes((i.path, digest) for i, (_, digest) in zip(images, looked_at, strict=True))
    return tuple(sorted(found, key=lambda problem: problem.kind))


def _look(image: AnnotatedImage, read: bool) -> tuple[list[Problem], str | None]:
    """Problems of one image by itself, and its digest where it was read."""
    from mammoscope.reading import read as read_image
    from mammoscope.reading.dicom.header import read_header

    name, digest = str(image.path), None
    found = [Problem("noted by the adapter", name, note) for note in image.notes]
    if not image.path.is_file():
        return [*found, Problem("missing file", name, "no such file")], None
    try:
        header = read_header(image.path)
        if read:
            source = read_image(image.path).source
            digest = source.sha256 if source else None
    except InputError as error:
        return [*found, Problem("unreadable file", name, error.cause)], None
    for box in image.boxes.tolist():
        beyond = max(-box[0], -box[1], box[2] - header.columns, box[3] - header.rows)
        if beyond > _BEYOND_PX:
            cause = f"{box} leaves the {header.columns} x {header.rows} pixels"
            found.append(Problem("box outside the picture", name, cause))
    for what in ("laterality", "view"):
        tag, said = getattr(header, what), getattr(image, what)
        if None not in (tag, said) and tag != said:
            cause = f"{what} is {said} in the table, {tag} in the file"
            found.append(Problem("table and file disagree", name, cause))
    return found, digest


def _listed_twice(images: Iterable[AnnotatedImage]) -> list[Problem]:
    times = Counter(real_path(image.path) for image in images)
    return [
        Problem("image listed twice", str(path), f"listed {n} times")
        for path, n in times.items()
        if n > 1
    ]


def _in_two_splits(images: Iterable[AnnotatedImage]) -> list[Problem]:
    splits: dict[str, set[str]] = defaultdict(set)
    for image in images:
        if image.split:
            splits[image.patient_id].add(image.split)
    return [
        Problem("patient in two splits", patient, " and ".join(sorted(where)))
        for patient, where in splits.items()
        if len(where) > 1
    ]


def _same_bytes(digests: Iterable[tuple[Path, str | None]]) -> list[Problem]:
    """Different files of one content; one file in two rows is told elsewhere."""
    files: dict[str, dict[Path, Path]] = defaultdict(dict)
    for path, digest in digests:
        if digest:
            files[digest].setdefault(real_path(path), path)
    return [
        Problem("same content twice", str(first), f"the same bytes as {other}")
        for first, *others in (list(paths.values()) for paths in files.values())
        for other in others
    ]


def _count(values: Iterable[object]) -> dict[str, int]:
    """How often each occurs, in order; what is not known last."""
    counts = Counter(UNKNOWN if value is None else str(value) for value in values)
    return {key: counts[key] for key in sorted(counts, key=lambda key: (key == UNKNOWN, key))}
