"""What is known of the cases of a reader study: which are diseased, and where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mammoscope.annotations.table import AnnotatedImage
from mammoscope.errors import TableError
from mammoscope.naming.matching import AmbiguousName, match_names, normalise
from mammoscope.results import source_path
from mammoscope.viewer.library import Library, StudyEntry

_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class TrueLesion:
    """One malignant lesion on one image; its name is unique in its study."""

    name: str
    image: str
    box: _Box


@dataclass(frozen=True)
class Truth:
    """The malignant lesions of each study, by key. Benign ones are no target."""

    of_study: Mapping[str, tuple[TrueLesion, ...]]

    def diseased(self, study: str) -> bool:
        """Whether a study holds a malignant lesion."""
        return bool(self.lesions(study))

    def lesions(self, study: str) -> tuple[TrueLesion, ...]:
        """The malignant lesions of a study; KeyError where the truth does not speak of it."""
        return self.of_study[study]

    def hit(self, study: str, image: str, box: _Box) -> str | None:
        """The lesion in whose box the centre of a mark lies; the nearest, where in several."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        inside = [
            lesion
            for lesion in self.lesions(study)
            if lesion.image == image
            and lesion.box[0] <= x <= lesion.box[2]
            and lesion.box[1] <= y <= lesion.box[3]
        ]
        nearest = min(inside, key=lambda lesion: _away(lesion.box, x, y), default=None)
        return nearest.name if nearest else None

    @classmethod
    def of(
        cls,
        images: Iterable[AnnotatedImage],
        studies: Iterable[StudyEntry],
        library: Library,
        source: str | os.PathLike[str],
    ) -> Truth:
        """The truth of some studies from an annotation table.

        Raises
        ------
        TableError
            If the table does not speak of an image of a study.
        """
        studies = list(studies)
        annotated = {normalise(str(image.path)): image for image in images}
        files = {
            entry.key: normalise(
                source_path(Path(entry.result).parent, library.result(entry).source.path)
            )
            for study in studies
            for entry in study.images
        }
        try:
            means = match_names(set(files.values()), annotated)
        except AmbiguousName as error:
            raise TableError(source, str(error)) from error
        told = {}
        for study in studies:
            lesions = []
            for entry in study.images:
                file = files[entry.key]
                if file not in means:
                    raise TableError(source, f"says nothing of the image {Path(file).name}")
                found = annotated[means[file]]
                for number, (box, label) in enumerate(
                    zip(found.boxes.tolist(), found.labels, strict=True), 1
                ):
                    if label == "malignant":
                        lesions.append(TrueLesion(f"{entry.name}/{number}", entry.key, tuple(box)))
            told[study.key] = tuple(lesions)
        return cls(told)


def _away(box: _Box, x: float, y: float) -> float:
    return (x - (box[0] + box[2]) / 2) ** 2 + (y - (box[1] + box[3]) / 2) ** 2
