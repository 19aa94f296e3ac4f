"""What an image is called in the outputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mammoscope.errors import OutputError

IMAGE_SUFFIXES = frozenset((".dcm", ".dicom", ".png", ".tif", ".tiff", ".pgm", ".jpg", ".jpeg"))
"""Extensions of images. In a file named by its DICOM UID the last number is no extension."""

RESERVED = frozenset(("run", "report"))
"""Names of files that describe a whole run."""


def name_of(path: str | os.PathLike[str]) -> str:
    """The file name without its image extension."""
    file = Path(path)
    return file.stem if file.suffix.lower() in IMAGE_SUFFIXES else file.name


def check_names(
    paths: Iterable[Path], out: Path, suffixes: tuple[str, ...]
) -> dict[Path, OutputError]:
    """The inputs whose outputs would overwrite something else, each with the reason.

    Outputs lie in ``out`` and are called by the input's name and each of ``suffixes``. Of several
    inputs with one name the first keeps it. Names that differ only in case collide, as they do on
    many file systems.
    """
    paths = tuple(paths)
    inputs = {path.resolve(): path for path in paths}
    writers: dict[str, Path] = {}
    errors: dict[Path, OutputError] = {}
    for path in paths:
        name = name_of(path)
        files = [f"{name}{suffix}" for suffix in suffixes]
        keys = [file.casefold() for file in files]
        first = next((writers[key] for key in keys if key in writers), None)
        lost = next((inputs[f] for file in files if (f := (out / file).resolve()) in inputs), None)
        if name.casefold() in RESERVED:
            cause = f"the name {name!r} is that of a run's own files"
        elif first is not None:
            cause = f"its results would overwrite those of {first}"
        elif lost is not None:
            cause = f"its results would overwrite the image {lost}: choose another output folder"
        else:
            writers.update(dict.fromkeys(keys, path))
            continue
        errors[path] = OutputError(path, cause)
    return errors
