"""Which studies there are: an index of result folders that opens at once, however many they are.

What a worklist shows of a study is kept in an index beside the results, see
:mod:`mammoscope.viewer.index`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from mammoscope.errors import InputError
from mammoscope.results import load_image_result
from mammoscope.study import StudyResult, study_results
from mammoscope.types import ImageResult
from mammoscope.viewer.index import (
    RUN,
    ImageEntry,
    Progress,
    StudyEntry,
    is_result,
    read_index,
    result_stamps,
    whole_stamp,
    written_at,
)

__all__ = ["RUN", "ImageEntry", "Library", "Progress", "StudyEntry"]


class Library:
    """The studies of some result folders.

    Parameters
    ----------
    folders
        Folders written by ``mammoscope detect``.
    index
        File of the index; made where it is not there. It holds nothing that cannot be made anew.
    progress
        Called with files done and files to be done while the index is made.
    may_be_empty
        Whether results are only to come.

    Attributes
    ----------
    generation
        One more each time that something was taken in.
    problems
        What is wrong with the results, a sentence each.

    Raises
    ------
    InputError
        If a folder holds no results.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        index: Path,
        progress: Progress = lambda done, of: None,
        may_be_empty: bool = False,
    ) -> None:
        self.folders = tuple(folders)
        self.problems: tuple[str, ...] = ()
        self.generation = 0
        self.index, self._progress, self._may_be_empty = index, progress, may_be_empty
        self._lock = threading.Lock()
        self._seen: list[int] = []
        self._stamps = ""
        self._studies: dict[str, StudyEntry] = {}
        self._image_study: dict[str, tuple[str, ImageEntry]] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._studies)

    @property
    def studies(self) -> tuple[StudyEntry, ...]:
        """All studies, by patient and study."""
        return tuple(self._studies.values())

    def study(self, key: str) -> StudyEntry:
        """The study of a key; KeyError where there is none."""
        return self._studies[key]

    def image(self, key: str) -> tuple[StudyEntry, ImageEntry]:
        """An image and its study; KeyError where there is none."""
        study, image = self._image_study[key]
        return self._studies[study], image

    def result(self, image: ImageEntry) -> ImageResult:
        """What the second reader says of an image.

        Raises
        ------
        ReadError
            If the result file has gone or is damaged.
        """
        return load_image_result(image.result)

    def said(self, study: StudyEntry) -> StudyResult:
        """What the second reader says of a study, all its images together."""
        results = [self.result(image) for image in study.images]
        return study_results(results)[0]

    def others_of_patient(self, study: StudyEntry) -> tuple[StudyEntry, ...]:
        """Other studies of the same patient; none where the patient is unknown."""
        if study.patient_id is None:
            return ()
        return tuple(
            other
            for other in self._studies.values()
            if other.patient_id == study.patient_id and other.key != study.key
        )

    def refresh_if_written(self) -> None:
        """Take in what was written since, where a folder's time says that something was."""
        if self._seen != written_at(self.folders):
            self.refresh()

    def refresh(self) -> None:
        """Take in what was written since."""
        # First: what is written from here on is found the next time.
        written = written_at(self.folders)
        stamps = result_stamps(self.folders)
        if not self._may_be_empty and not any(is_result(path) for path in stamps):
            raise InputError(self.folders[0], "holds no results of mammoscope detect")
        whole = whole_stamp(stamps)
        with self._lock:
            self._seen = written
            if whole == self._stamps:
                return
            found = read_index(self.index, self.folders, stamps, self._progress)
            studies = found.studies
            self._studies = {study.key: study for study in studies}
            self._image_study = {i.key: (study.key, i) for study in studies for i in study.images}
            self.problems = found.problems
            self._stamps = whole
            self.generation += 1
