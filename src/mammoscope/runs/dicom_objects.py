"""DICOM objects of a run: what they need of each image waits in files until the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from mammoscope.dicom_results import kinds as dicom
from mammoscope.errors import InputError, OutputError, RefusedError
from mammoscope.files import ensure_folder, read_file, remove_old, remove_tree, write_bytes
from mammoscope.runs.examination import Examination, ExaminedImage, Remarks
from mammoscope.types import DicomFacts, ImageResult
from mammoscope.types.source import GreyScale, GreyTable

WAITING = ".dicom"
"""Where tags and overlays wait for their study."""


class DicomObjects:
    """``dicom/``: the objects of :data:`~mammoscope.dicom_results.kinds.KINDS` asked for.

    Parameters
    ----------
    kinds
        Their names; None for all of ours.

    Raises
    ------
    PluginError
        If one is not known, or cannot be loaded.
    MissingExtra
        If highdicom is not installed.
    """

    by_files: ClassVar[bool] = True

    def __init__(self, kinds: Sequence[str] | None = None) -> None:
        dicom.need_extra()
        self.kinds = dicom.OWN if kinds is None else tuple(kinds)
        self.ends = {dicom.FOLDER: dicom.image_suffixes(self.kinds)}
        self._draws = any(dicom.KINDS[kind].overlay for kind in self.kinds)

    def start(self, folder: Path) -> None:
        """Make the folder."""
        self._folder = ensure_folder(folder / dicom.FOLDER)
        self._waiting = folder / WAITING

    def add(self, image: ExaminedImage) -> None:
        """Keep the tags of an image, and its overlay where one is needed, until the end."""
        overlay = image.overlay if self._draws else b""
        place = ensure_folder(self._waiting) / image.result.name
        write_bytes(place, _packed(image.result, overlay))

    def fits(self, result: ImageResult) -> bool:
        """Whether tags and overlay of this result wait."""
        there = _read(self._waiting / result.name, result)
        return there is not None and bool(there[1] or not self._draws)

    def finish(self, examination: Examination) -> Remarks:
        """Write the objects, study by study; one that fails costs nothing else."""
        from mammoscope.dicom_results.write import Examined, write_dicom_results

        files: list[Examined] = []
        gone: list[OutputError] = []
        for result in examination.results:
            # What is in the way is told when an object is to be written there.
            with suppress(OutputError):
                remove_old(self._folder, result.name, self.ends[dicom.FOLDER])
            try:
                facts = self._facts(examination, result)
            except InputError as error:
                gone.append(OutputError(self._folder / result.name, error.cause))
                continue
            files.append((examination.files[result.name], replace(result, dicom=facts)))
        # What is no mammogram is not spoken of.
        files += [
            (path, error.header)
            for path, error in examination.errors
            if error.header and not isinstance(error, RefusedError)
        ]
        errors, notes = write_dicom_results(
            files, examination.models, self._folder, self.kinds, self._overlay
        )
        remove_tree(self._waiting)
        return Remarks((*gone, *errors), notes)

    def _facts(self, examination: Examination, result: ImageResult) -> DicomFacts | None:
        """What waits of a result; what does not is read from its image."""
        there = _read(self._waiting / result.name, result)
        if there is None:
            self.add(examination.again(result))
            there = _read(self._waiting / result.name, result)
        return None if there is None else there[0]

    def _overlay(self, name: str) -> bytes:
        return read_file(self._waiting / name).partition(b"\n")[2]


def _packed(result: ImageResult, overlay: bytes) -> bytes:
    """A line of JSON with digest and facts, then the overlay."""
    facts = None if result.dicom is None else asdict(result.dicom)
    line = json.dumps({"digest": result.digest, "facts": facts}, default=bytes.hex)
    return line.encode("ascii") + b"\n" + overlay


def _read(path: Path, result: ImageResult) -> tuple[DicomFacts | None, bytes] | None:
    """What :func:`_packed` made of this result; None where the file is not there or of another."""
    try:
        line, _, overlay = read_file(path).partition(b"\n")
        values = json.loads(line)
        if values["digest"] != result.digest:
            return None
        facts = values["facts"]
        return None if facts is None else _facts(facts), overlay
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _facts(values: dict[str, Any]) -> DicomFacts:
    grey = values["grey"]
    if grey is not None:
        tables = {key: _table(grey[key]) for key in ("modality_table", "voi_table")}
        window = None if grey["window"] is None else tuple(grey["window"])
        grey = GreyScale(**grey | tables | {"rescale": tuple(grey["rescale"]), "window": window})
    identity = tuple((tag, vr, bytes.fromhex(value)) for tag, vr, value in values["identity"])
    pairs = {key: tuple(values[key]) for key in ("directions", "study_moment", "content_moment")}
    return DicomFacts(**values | pairs | {"identity": identity, "grey": grey})


def _table(values: dict[str, Any] | None) -> GreyTable | None:
    if values is None:
        return None
    return GreyTable(**values | {"entries": bytes.fromhex(values["entries"])})
