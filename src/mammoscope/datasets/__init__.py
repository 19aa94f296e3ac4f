"""Public data sets as one annotation table: an adapter for each, all giving the same rows.

Nothing is downloaded: an adapter reads what the user has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mammoscope.annotations.adapter import Adapter
from mammoscope.annotations.table import AnnotatedImage, ImageSet, Subtype, masses
from mammoscope.datasets import (
    cbis_ddsm,
    cbis_square,
    cdd_cesm,
    cmmd,
    coco,
    inbreast,
    mias_normals,
    mini_mias,
    own,
    rsna,
    screening_dev,
    vindr_mammo,
    yolo,
)
from mammoscope.errors import InputError
from mammoscope.plugins import Socket

_OWN = (
    cbis_ddsm,
    cbis_square,
    inbreast,
    mini_mias,
    mias_normals,
    cdd_cesm,
    vindr_mammo,
    cmmd,
    rsna,
    screening_dev,
    coco,
    yolo,
    own,
)

ADAPTERS: Socket[Adapter] = Socket(
    "mammoscope.datasets",
    {module.ADAPTER.name: module.ADAPTER for module in _OWN},
    lambda found: isinstance(found, Adapter),
)
"""Name on the command line to adapter; other packages plug theirs in."""


def find(spec: str) -> tuple[Adapter, Path]:
    """Adapter and path of ``ADAPTER:PATH``.

    Raises
    ------
    InputError
        If the adapter is unknown, or there is nothing at the path.
    """
    name, colon, path = spec.partition(":")
    if not colon or name not in ADAPTERS:
        raise InputError(spec, f"expected ADAPTER:PATH with an adapter of {', '.join(ADAPTERS)}")
    if not path or not Path(path).exists():
        raise InputError(path or spec, "no such file or folder")
    return ADAPTERS[name], Path(path)


def load(spec: str) -> ImageSet:
    """The images of ``ADAPTER:PATH``, in the adapter's order, and what of its tables is left out.

    Raises
    ------
    InputError
        If the adapter is unknown, the data set is not what the adapter expects, or an image file
        is not there.
    """
    adapter, path = find(spec)
    images = adapter.load(path)
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
        raise InputError(missing[0], f"this image{more} not there: see datasets check {spec}")
    faults = images.faults if isinstance(images, ImageSet) else ()
    return ImageSet.of((replace(image, source=adapter.name) for image in images), faults)


def to_learn_from(specs: Iterable[str]) -> ImageSet:
    """The images of several ``ADAPTER:PATH`` for a training, one set after the other.

    Raises
    ------
    InputError
        As :func:`load`, or if nothing may learn from one of the sets.
    """
    loaded: list[AnnotatedImage] = []
    faults: list[InputError] = []
    for spec in specs:
        adapter, _ = find(spec)
        if adapter.measure_only:
            cause = f"{adapter.name} is to measure on, not to train: {adapter.licence}"
            raise InputError(spec, cause)
        images = load(spec)
        loaded += images
        faults += images.faults
    return ImageSet.of(loaded, faults)


__all__ = [
    "ADAPTERS",
    "Adapter",
    "AnnotatedImage",
    "ImageSet",
    "Subtype",
    "find",
    "load",
    "masses",
    "to_learn_from",
]
