"""Phase 1 over many files: 16-bit images, their frames, masks, and lesion boxes moved along."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.annotations.table import left_out
from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import DISCLAIMER, real_path, remove_old, write_bytes, write_json
from mammoscope.geometry import Frame
from mammoscope.naming.outputs import OUR_MASKS, check_names
from mammoscope.preprocessing import (
    Preprocessed,
    PreprocessOptions,
    Region,
    preprocess_each,
    to_uint16,
)
from mammoscope.reading import FoundImages, MetadataTable, ReadOptions, read
from mammoscope.results import LOG, Failure, ImageLine, RunLog, RunSummary, run_json
from mammoscope.results.image import seconds_json
from mammoscope.runs.batch import run_batch
from mammoscope.runs.folder import run_folder
from mammoscope.runs.lesions import Lesion, lesions_of
from mammoscope.runs.notes import some_of, unused_rows
from mammoscope.tables import Table, write_table
from mammoscope.types import Mammogram

SCHEMA = "mammoscope/preprocessed-image/1"

MOST_BREASTS = 8
"""Of one picture; see :mod:`mammoscope.preprocessing.breast`."""

Progress = Callable[[], None]


@dataclass(frozen=True)
class PreparationOptions:
    """What phase 1 writes, and how it gets there.

    Parameters
    ----------
    reading, preprocessing, metadata
        As in :class:`mammoscope.pipeline.PipelineOptions`.
    format
        ``"png"`` or ``"tiff"``; both lossless, 16 bits.
    masks
        Write ``NAME.breast.png`` and ``NAME.pectoral.png`` too.
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    preprocessing: PreprocessOptions = field(default_factory=PreprocessOptions)
    metadata: MetadataTable | None = None
    format: Literal["png", "tiff"] = "png"
    masks: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of the names of an image's outputs."""
        masks = OUR_MASKS if self.masks else ()
        return (".json", f".{self.format}", *masks)


@dataclass(frozen=True)
class Prepared:
    """One image that was written: its name, the file it came from, its new file and its frame."""

    name: str
    path: Path
    file: str
    frame: Frame


def run_preparation(
    found: FoundImages,
    out: Path,
    options: PreparationOptions = PreparationOptions(),
    truth: Table | None = None,
    workers: int = 1,
    progress: Progress = lambda: None,
) -> RunSummary:
    """Write ``NAME.png|tiff``, ``NAME.json``, masks, moved ``truth.csv`` and ``run.json``.

    Of several breasts in one picture the greatest is ``NAME``, the others are ``NAME.2`` and so on.

    Parameters
    ----------
    truth
        Lesions by image (columns image, x0, y0, x1, y1 in source pixels, others kept); their
        boxes are moved to the written images; of several breasts, to the one that they lie on.
        Rows of images that were not written are left out.

    Raises
    ------
    OutputError
        If ``out`` cannot be written, or is where ``truth`` lies under the name it would get.
    TableError
        If ``truth`` or the metadata hold a row that cannot be meant. Nothing is done then.
    """
    start = time.perf_counter()
    if options.metadata is not None:
        options = replace(options, metadata=options.metadata.resolve(found.paths))
    names = {path: found.name(path) for path in found.paths}
    refused: dict[Path, MammoscopeError] = dict(
        check_names(names, out, options.suffixes, found.told)
    )
    accepted = [path for path in found.paths if path not in refused]
    lesions, unmeant = ((), ()) if truth is None else lesions_of(truth, accepted)
    if truth is not None and real_path(Path(truth.path)) == real_path(out / "truth.csv"):
        raise OutputError(truth.path, "would be overwritten: choose another output folder")
    begun = RunSummary(command="preprocess", options=_plain(options))
    with run_folder(out, begun) as folder, RunLog(folder / LOG) as log:
        log.begun(found.root, command="preprocess", workers=workers)
        prepared: list[Prepared] = []
        failures: list[Failure] = []
        work = partial(_prepare, options, folder, names, found.told)
        for path, outcome in run_batch(found.paths, work, workers, refused):
            if isinstance(outcome, MammoscopeError):
                failures.append(Failure.of(outcome, found.told(path)))
            else:
                prepared += outcome
            progress()
        outside: list[str] = []
        if truth is not None:
            done: dict[Path, list[Prepared]] = {}
            for image in prepared:
                done.setdefault(image.path, []).append(image)
            rows = [row for p, images in _of_images(lesions, done) for row in _moved(p, images)]
            outside = [file for _, file, is_on in rows if not is_on]
            write_table(folder / "truth.csv", truth.columns, (row for row, _, _ in rows))
        summary = replace(
            begun,
            images=tuple(ImageLine(p.name, found.told(p.path)) for p in prepared),
            failures=tuple(failures),
            notes=(
                *(left_out(fault) for fault in (() if truth is None else truth.faults)),
                *unused_rows("truth", unmeant),
                *some_of("Lesions that lie outside of what was written", outside),
                *(() if options.metadata is None else options.metadata.faults),
                *unused_rows(
                    "metadata", options.metadata.unused(found.paths) if options.metadata else ()
                ),
            ),
            ignored_paths=tuple(found.told(path) for path in found.ignored),
            timings_s={"total": time.perf_counter() - start},
        )
        log.tell("finished", seconds=seconds_json(summary.timings_s))
        write_json(folder / "run.json", run_json(summary))
    return summary


def _prepare(
    options: PreparationOptions,
    folder: Path,
    names: Mapping[Path, str],
    told: Callable[[Path], str],
    path: Path,
) -> list[Prepared]:
    """Each breast of a picture, the greatest first."""
    taken = {name.casefold() for name in names.values()}
    each = [names[path], *(f"{names[path]}.{n}" for n in range(2, MOST_BREASTS + 1))]
    for n, name in enumerate(each):
        if not n or name.casefold() not in taken:
            # Masks of an earlier run too, which lie on other pixels.
            remove_old(folder, name, (*options.suffixes, *OUR_MASKS))
    mammogram = read(path, options.reading, options.metadata)
    if mammogram.source is not None:
        mammogram = replace(mammogram, source=replace(mammogram.source, path=told(path)))
    found = preprocess_each(mammogram, options.preprocessing)
    named = list(zip(each, found, strict=False))
    for name, _ in named[1:]:
        if name.casefold() in taken:
            cause = f"it shows several breasts, of which one would overwrite the results of {name}"
            raise OutputError(path, cause)
    return [
        _write(options, folder, path, mammogram, name, len(found), done) for name, done in named
    ]


def _write(
    options: PreparationOptions,
    folder: Path,
    path: Path,
    mammogram: Mammogram,
    name: str,
    count: int,
    done: Preprocessed,
) -> Prepared:
    """Write one of the ``count`` breasts of a picture."""
    if count > 1:
        warning = f"{count} breasts in one picture: each was written."
        done = replace(done, mammogram=done.mammogram.warn(warning))
    file = f"{name}.{options.format}"
    _write_image(folder / file, to_uint16(done.mammogram.pixels))
    if options.masks:
        for region, part in ((done.breast, "breast"), (done.pectoral, "pectoral")):
            _write_image(folder / f"{name}.{part}.png", _mask(region, mammogram.frame))
    write_json(folder / f"{name}.json", _record(name, file, mammogram, done, options))
    return Prepared(name, path, file, done.mammogram.frame)


_Moved = tuple[dict[str, object], str, bool]
"""A row of the new truth, its image's file, and whether its box lies on that."""


def _of_images(
    lesions: Iterable[Lesion], done: Mapping[Path, list[Prepared]]
) -> Iterator[tuple[list[Lesion], list[Prepared]]]:
    """The lesions of each image that was written, in the order of the truth."""
    by_path: dict[Path, list[Lesion]] = {}
    for lesion in lesions:
        by_path.setdefault(lesion.path, []).append(lesion)
    return ((some, done[path]) for path, some in by_path.items() if path in done)


def _moved(lesions: list[Lesion], images: list[Prepared]) -> Iterator[_Moved]:
    """The rows of a picture; a breast without a lesion has one with an empty box."""
    frames = [image.frame for image in images]
    placed = [(lesion, images[lesion.nearest(frames)]) for lesion in lesions if lesion.box]
    used = {image.name for _, image in placed}
    for lesion, image in placed:
        yield lesion.moved(image.file, image.frame), image.file, lesion.is_on(image.frame)
    free = [lesion for lesion in lesions if not lesion.box]
    for image in images:
        for lesion in free:
            yield lesion.moved(image.file, image.frame), image.file, True
        if image.name not in used and not free:
            yield lesions[0].without_box(image.file), image.file, True


def _plain(options: PreparationOptions) -> dict[str, Any]:
    return {
        **asdict(options.reading),
        **asdict(options.preprocessing),
        "metadata": options.metadata is not None,
        "format": options.format,
        "masks": options.masks,
    }


def _record(
    name: str,
    file: str,
    mammogram: Mammogram,
    done: Preprocessed,
    options: PreparationOptions,
) -> dict[str, Any]:
    image = done.mammogram
    return {
        "schema": SCHEMA,
        "name": name,
        "file": file,
        "source": None if image.source is None else asdict(image.source),
        "laterality": image.laterality,
        "view": image.view,
        "patient_id": image.patient_id,
        "study_id": image.study_id,
        "frame": image.frame.as_dict(),
        "breast_box_px": list(done.breast.bounds(mammogram.frame)),
        "pectoral": {
            "found": done.pectoral is not None,
            "removed": done.pectoral is not None and options.preprocessing.remove_pectoral,
        },
        "warnings": list(image.warnings),
        "disclaimer": DISCLAIMER,
    }


def _mask(region: Region | None, frame: Frame) -> NDArray[np.uint8]:
    """0 and 255 in source pixels; all 0 where the part was not found."""
    if region is None:
        return np.zeros(frame.size, dtype=np.uint8)
    return region.on(frame).astype(np.uint8) * np.uint8(255)


def _write_image(path: Path, pixels: NDArray[Any]) -> None:
    quick = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else []
    done, data = cv2.imencode(path.suffix, pixels, quick)
    if not done:
        raise OutputError(path, "the image cannot be encoded")
    write_bytes(path, data.tobytes())
