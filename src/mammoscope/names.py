"""What an image is called in the outputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mammoscope.errors import OutputError

_EXTENSIONS = frozenset(
    (".dcm", ".dicom", ".ima", ".png", ".tif", ".tiff", ".pgm", ".jpg", ".jpeg")
)
"""Only these are cut off: in a file named by its DICOM UID the last number is no extension."""

RESERVED = frozenset(("run", "report"))
"""Names of files that describe a whole run."""


def name_of(path: str | os.PathLike[str]) -> str:
    """The file name without its image extension."""
    file = Path(path)
    return file.stem if file.suffix.lower() in _EXTENSIONS else file.name


def check_names(
    paths: Iterable[Path], out: Path, suffixes: tuple[str, ...]
) -> dict[Path, OutputError]:
    """The inputs whose outputs would overwrite something else, each with the reason.

    Outputs lie in ``out`` and are called by the input's name and each of ``suffixes``. Of several inputs with one name the first keeps it. Names that differ only in case collide, as
    they do on many file systems.
    """
    taken: dict[str, Path] = {}
    errors: dict[Path, OutputError] = {}
    for path in paths:
        name = name_of(path)
        first = taken.setdefault(name.casefold(), path)
        if first != path:
            errors[path] = OutputError(
                path, f"its results would overwrite those of {first}: both are named {name!r}"
            )
        elif name.casefold() in RESERVED:
            errors[path] = OutputError(path, f"the name {name!r} is that of a run's own files")
        elif any(path.resolve() == (out / f"{name}{s}").resolve() for s in suffixes):
            errors[path] = OutputError(path, "would be overwritten: choose another output folder")
    return errors
