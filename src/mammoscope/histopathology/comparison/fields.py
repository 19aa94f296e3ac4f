"""The images of a set in the forms that the methods take, each made once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mammoscope.files import ensure_folder, read_file, write_bytes
from mammoscope.histopathology.comparison.features import describe_tissue, table_of
from mammoscope.histopathology.comparison.networks import Labels
from mammoscope.histopathology.pixels import RGB, read_rgb
from mammoscope.histopathology.tissue import TissueImage, TissueSet
from mammoscope.histopathology.views import Field, Views, field_of, resized
from mammoscope.training.engine.loop import digest_of

_SAY_EVERY = 100


class Fields:
    """A labelled set, and what is computed of it.

    Parameters
    ----------
    data
        The set.
    cache
        Folder in which features are kept.
    report
        Is told, in a sentence, what goes on.
    normalise
        Make the stains of every image standard before anything else.
    """

    def __init__(
        self,
        data: TissueSet,
        cache: Path,
        report: Callable[[str], None],
        normalise: bool = False,
    ) -> None:
        self.data, self.report, self.normalise = data, report, normalise
        self._cache = cache
        self._fitted: dict[Views, list[Field]] = {}
        self._small: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self.malignant = np.array([image.malignant for image in data.images])
        # Where patients are not known each image counts as one.
        self._whose = np.array([image.patient or image.path.as_posix() for image in data.images])
        self.subtype = np.array([data.subtypes.index(image.subtype) for image in data.images])

    def digest(self, which: NDArray[np.int64]) -> str:
        """What some of the images are, and whether their stains are made standard."""
        images = digest([self.data.images[i] for i in which.tolist()])
        return f"{images} normalised" if self.normalise else images

    def labels(self, which: NDArray[np.int64]) -> Labels:
        """Of some of the images."""
        subtypes = len(self.data.subtypes)
        return Labels(self.malignant[which], self.subtype[which], self._whose[which], subtypes)

    def fitted(self, views: Views) -> Sequence[Field]:
        """Every image as a network on regions takes it, in its own light."""
        if views not in self._fitted:
            self._fitted[views] = list(self._each("reading", views.fit))
        return self._fitted[views]

    def small(self, rows: int, columns: int) -> NDArray[np.uint8]:
        """Every image brought to one size: (N, rows, columns, 3)."""
        size = (columns, rows)
        if size not in self._small:
            each = self._each("reading", partial(resized, size=size))
            self._small[size] = np.stack([rgb for rgb, _ in each])
        return self._small[size]

    def handmade(self) -> NDArray[np.float32]:
        """Hand-made features (N, F)."""
        each = self._each("describing", lambda rgb: rgb)
        return self.cached(
            "normalised" if self.normalise else "handmade",
            lambda: table_of(describe_tissue(rgb) for rgb, _ in each),
        )

    def _each(self, doing: str, fit: Callable[[RGB], RGB]) -> Iterator[Field]:
        return (field_of(rgb, fit, self.normalise) for rgb in self.each(doing))

    def each(self, doing: str) -> Iterator[RGB]:
        """The images as they are, one after the other."""
        count = len(self.data.images)
        for number, image in enumerate(self.data.images):
            if number % _SAY_EVERY == 0:
                self.report(f"{doing} images: {number} of {count}")
            yield read_rgb(image.path)

    def cached(self, name: str, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What ``make`` gives for these images, kept on disk."""
        path = self._cache / f"{name}-{digest(self.data.images)[:12]}.npy"
        if not path.exists():
            data = io.BytesIO()
            np.save(data, make(), allow_pickle=False)
            ensure_folder(self._cache)
            write_bytes(path, data.getvalue())
        return np.asarray(
            np.load(io.BytesIO(read_file(path, 1 << 34)), allow_pickle=False), np.float32
        )


def digest(images: Sequence[TissueImage]) -> str:
    """What images are, by their files and labels."""
    return digest_of(f"{each.path.as_posix()} {each.subtype} {each.patient}" for each in images)
