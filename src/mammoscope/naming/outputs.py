"""What an image is called in the outputs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from mammoscope.errors import OutputError
from mammoscope.files import real_path

IMAGE_SUFFIXES = frozenset((".dcm", ".dicom", ".png", ".tif", ".tiff", ".pgm", ".jpg", ".jpeg"))
"""Extensions of images. In a file named by its DICOM UID the last number is no extension."""

OUR_MASKS = (".breast.png", ".pectoral.png")
"""Ends of the names of the masks that ``mammoscope preprocess`` writes: no mammograms."""

OUR_FOLDERS = ("dicom", "images")
"""Folders in that of a run for the DICOM objects that it makes and for de-identified copies."""

RESERVED = frozenset(("run", "report"))
"""Names of files that describe a whole run."""


def name_of(path: str | os.PathLike[str]) -> str:
    """The file name without its image extension."""
    file = Path(path)
    return file.stem if file.suffix.lower() in IMAGE_SUFFIXES else file.name


def names_by_folder(images: Sequence[Path]) -> dict[Path, str]:
    """Names from the folders below the common one, for images whose file names repeat.

    Files of one folder that differ only in extension or in case get that, or a number, at the end;
    and so does one whose new name is another's already.
    """
    names = {path: name_of(path) for path in images}
    repeated = _repeated(names)
    others = {path: name for path, name in names.items() if path not in {*repeated}}
    # Without the root, for there may be several.
    folders = {path: Path(os.path.normpath(path.absolute())).parent.parts[1:] for path in images}
    levels = zip(*folders.values(), strict=False)
    common = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
    names = {path: "_".join((*folders[path][common:], name_of(path))) for path in repeated}
    for path in names.keys() & {*_repeated(names | others)}:
        names[path] += f"_{path.suffix[1:]}"
    again = {*_repeated(names | others)}
    for number, path in enumerate((path for path in names if path in again), 1):
        names[path] += f"_{number}"
    return names


def _repeated(names: Mapping[Path, str]) -> list[Path]:
    count = Counter(name.casefold() for name in names.values())
    return [path for path, name in names.items() if count[name.casefold()] > 1]


def check_names(
    names: Mapping[Path, str],
    out: Path,
    suffixes: tuple[str, ...],
    told: Callable[[Path], str] = str,
) -> dict[Path, OutputError]:
    """The inputs whose outputs would overwrite something else, each with the reason.

    ``names`` says what each input's results are called; its outputs lie in ``out`` and end in each
    of ``suffixes``. Of several inputs with one name the first keeps it; ``told`` is how a reason
    names one. Names that differ only in case collide, as they do on many file systems.
    """
    inputs = {real_path(path): path for path in names}
    writers: dict[str, Path] = {}
    errors: dict[Path, OutputError] = {}
    for path, name in names.items():
        files = [f"{name}{suffix}" for suffix in suffixes]
        keys = [file.casefold() for file in files]
        first = next((writers[key] for key in keys if key in writers), None)
        lost = next((inputs[f] for file in files if (f := real_path(out / file)) in inputs), None)
        if name.casefold() in RESERVED:
            cause = f"the name {name!r} is that of a run's own files"
        elif first is not None:
            cause = f"its results would overwrite those of {told(first)}"
        elif lost is not None:
            cause = (
                f"its results would overwrite the image {told(lost)}: choose another output folder"
            )
        else:
            writers.update(dict.fromkeys(keys, path))
            continue
        errors[path] = OutputError(path, cause)
    return errors
