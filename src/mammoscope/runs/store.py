"""Results that lie on the disk, read when they are asked for: memory stays flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

from mammoscope.results import load_image_result
from mammoscope.study import StudyResult, study_groups, study_results
from mammoscope.types import ImageResult

Ids = tuple[str | None, str | None]
"""Patient and study of an image."""


@dataclass(frozen=True)
class StoredResults(Sequence[ImageResult]):
    """The results of a run in the order of its inputs; each is read anew whenever it is asked for.

    Parameters
    ----------
    folder
        Where ``NAME.json`` lie.
    names
        Names of the results.

    Raises
    ------
    ReadError
        When a result is asked for that has gone or was damaged since.
    """

    folder: Path
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> ImageResult: ...
    @overload
    def __getitem__(self, at: slice) -> StoredResults: ...
    def __getitem__(self, at: int | slice) -> ImageResult | StoredResults:
        if isinstance(at, slice):
            return StoredResults(self.folder, self.names[at])
        return load_image_result(self.folder / f"{self.names[at]}.json")


@dataclass(frozen=True)
class StoredStudies(Sequence[StudyResult]):
    """The studies that stored results are of; one at a time is in memory.

    Parameters
    ----------
    results
        All results.
    ids
        Patient and study of each.
    groups
        Which results each study is of; None for all studies.
    """

    results: Sequence[ImageResult]
    ids: Sequence[Ids]
    groups: Sequence[Sequence[int]] | None = None

    @cached_property
    def _groups(self) -> Sequence[Sequence[int]]:
        return study_groups(self.ids) if self.groups is None else self.groups

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, at: int) -> StudyResult: ...
    @overload
    def __getitem__(self, at: slice) -> StoredStudies: ...
    def __getitem__(self, at: int | slice) -> StudyResult | StoredStudies:
        if isinstance(at, slice):
            return StoredStudies(self.results, self.ids, self._groups[at])
        (study,) = study_results(self.results[i] for i in self._groups[at])
        return study
