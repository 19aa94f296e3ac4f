"""What an image is called in the outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mammoscope.errors import OutputError

IMAGE_SUFFIXES = frozenset((".dcm", ".dicom", ".png", ".tif", ".tiff", ".pgm", ".jpg", ".jpeg"))
"""Extensions of images. In a file named by its DICOM UID the last number is no extension."""

OUR_MASKS = (".breast.png", ".pectoral.png")
"""Ends of the names of the masks that ``mammoscope preprocess`` writes: no mammograms."""

RESERVED = frozenset(("run", "report"))
"""Names of files that describe a whole run."""


def name_of(path: str | os.PathLike[str]) -> str:
    """The file name without its image extension."""
    file = Path(path)
    return file.stem if file.suffix.lower() in IMAGE_SUFFIXES else file.name


def check_names(
    names: Mapping[Path, str], out: Path, suffixes: tuple[str, ...]
) -> dict[Path, OutputError]:
    """The inputs whose outputs would overwrite something else, each with the reason.

    ``names`` says what each input's results are called; its outputs lie in ``out`` and end in each
    of ``suffixes``. Of several
    inputs with one name the first keeps it. Names that differ only in case collide, as they do on
    many file systems.
    """
    inputs = {path.resolve(): path for path in names}
    writers: dict[str, Path] = {}
    errors: dict[Path, OutputError] = {}
    for path, name in names.items():
        files = [f"{name}{suffix}" for suffix in suffixes]
        keys = [file.casefold() for file in files]
        first = next((writers[key] for key in keys if key in writers), None)
        lost = next((inputs[f] for file in files if (f := (out / file).resolve()) in inputs), None)
        if name.casefold() in RESERVED:
            cause = f"the name {name!r} is that of a run's own files"
        elif first is not None:
            cause = f"its results would overwrite those of {first}; see --name-by-folder"
        elif lost is not None:
            cause = f"its results would overwrite the image {lost}: choose another output folder"
        else:
            writers.update(dict.fromkeys(keys, path))
            continue
        errors[path] = OutputError(path, cause)
    return errors
