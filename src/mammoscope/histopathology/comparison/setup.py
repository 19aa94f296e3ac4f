"""What is compared on what: kept beside a comparison, so that a model is trained on the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mammoscope.errors import InputError
from mammoscope.files import ensure_folder, read_file, write_json
from mammoscope.histopathology.breakhis import read_folds
from mammoscope.histopathology.comparison.config import DEFAULT_REGIONS, RegionsSettings
from mammoscope.histopathology.comparison.methods import Regions
from mammoscope.histopathology.comparison.splits import Protocol, by_image, by_patient, official
from mammoscope.histopathology.comparison.starts import find_start
from mammoscope.histopathology.tissue import TissueSet, load_tissue
from mammoscope.training.config import config_file

_FILE = "setup.json"

_SEED = 0


@dataclass(frozen=True)
class Setup:
    """The set, the splits and the networks' starts.

    Parameters
    ----------
    data
        Folder of the images.
    malignant, patients
        As for :func:`~mammoscope.histopathology.tissue.load_tissue`.
    magnifications
        Only images of these; empty for all.
    folds
        Of images, and of patients.
    leave_one_out
        Leave each patient out in turn instead.
    official
        Folder of BreaKHis's own folds, used instead by patient.
    weights
        Files of ImageNet weights by timm's name of a network.
    config
        TOML settings of ours.
    normalise
        Make the stains of every image standard.
    """

    data: str
    malignant: list[str] = field(default_factory=list)
    patients: str | None = None
    magnifications: list[int] = field(default_factory=list)
    folds: int = 5
    leave_one_out: bool = False
    official: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    config: str | None = None
    normalise: bool = False

    @classmethod
    def read(cls, folder: Path) -> Setup:
        """That of a comparison.

        Raises
        ------
        InputError
            If the folder holds none.
        """
        path = folder / _FILE
        try:
            return cls(**json.loads(read_file(path)))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise InputError(path, f"not of a comparison: {error}") from error

    def write(self, folder: Path) -> None:
        """Keep it in the folder of a comparison.

        Raises
        ------
        InputError
            If the folder is of another comparison.
        """
        path = ensure_folder(folder) / _FILE
        if path.exists() and Setup.read(folder) != self:
            raise InputError(
                path, "of other data, splits, weights or stains: choose another folder"
            )
        write_json(path, asdict(self))

    def tissue(self) -> TissueSet:
        """The set.

        Raises
        ------
        InputError
            If it cannot be read, or holds nothing of these magnifications.
        """
        patients = Path(self.patients) if self.patients else None
        data = load_tissue(Path(self.data), self.malignant, patients)
        try:
            return data.at(self.magnifications) if self.magnifications else data
        except ValueError as error:
            raise InputError(self.data, str(error)) from error

    def protocols(self, data: TissueSet) -> tuple[Protocol, ...]:
        """By image; and by patient, where patients are known.

        Raises
        ------
        InputError
            If there are too few images or patients.
        """
        try:
            images = by_image(data, self.folds, _SEED)
            return (images, self._by_patient(data)) if data.has_patients else (images,)
        except ValueError as error:
            raise InputError(self.data, str(error)) from error

    def settings(self) -> RegionsSettings:
        """Of ours."""
        given = Path(self.config) if self.config else None
        return RegionsSettings.read(config_file(given, DEFAULT_REGIONS))

    def files(self) -> dict[str, Path]:
        """The weights as paths."""
        return {name: Path(path) for name, path in self.weights.items()}

    def regions(self, report: Callable[[str], None]) -> Regions:
        """Ours."""
        settings = self.settings()
        return Regions.of(settings, find_start(settings.network.trunk, self.files(), report))

    def _by_patient(self, data: TissueSet) -> Protocol:
        if self.official:
            return official(data, read_folds(Path(self.official)))
        return by_patient(data, None if self.leave_one_out else self.folds, _SEED)
