"""Files that an earlier run of mammoscope wrote: no images to be read with those they show."""

from __future__ import annotations

import re
from pathlib import Path

from mammoscope.names import OUR_FOLDERS, OUR_MASKS

_SCHEMA = re.compile(rb'"schema": "mammoscope/(image-result|preprocessed-image|run)/')
_HEAD_BYTES = 200


def is_own_result(path: Path, asked: Path | None = None) -> bool:
    """Whether a file is a mask, an overlay, a preprocessed image, or in a run's own folder.

    What ``preprocess`` wrote is an image to read where its very folder is ``asked`` for, or files
    by a pattern (None); so are a run's own copies of DICOM files.
    """
    if path.name.endswith(OUR_MASKS):
        return True
    beside = _schema(path.with_suffix(".json")) if path.suffix in (".png", ".tiff") else None
    if beside == "image-result":
        return path.suffix == ".png"
    if asked is None or path.parent == asked:
        return False
    of_run = path.parent.name in OUR_FOLDERS and _schema(path.parents[1] / "run.json") == "run"
    return beside == "preprocessed-image" or of_run


def _schema(path: Path) -> str | None:
    """What kind of record of ours a JSON file is."""
    try:
        with path.open("rb") as file:
            found = _SCHEMA.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found[1].decode() if found else None
