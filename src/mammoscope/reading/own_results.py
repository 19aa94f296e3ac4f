"""Files that an earlier run of mammoscope wrote: no images to be read with those they show."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mammoscope.files import read_file
from mammoscope.naming.outputs import OUR_FOLDERS, OUR_MASKS

_SCHEMA = "mammoscope/{}/"
_RECORD_BYTES = 1 << 26


def is_own_result(
    path: Path, asked: Path | None = None, listed: Collection[Path] | None = None
) -> bool:
    """Whether a file is a mask, an overlay, a preprocessed image, or in a run's own folder.

    What ``preprocess`` wrote is an image to read where its very folder is ``asked`` for, or files
    by a pattern (None); so are a run's own copies of DICOM files. Of files that are not ``listed``
    none is looked for.
    """

    def record(path: Path, kind: str) -> dict[str, Any]:
        return _record(path, kind) if listed is None or path in listed else {}

    if path.name.endswith(OUR_MASKS):
        return True
    if path.suffix == ".png" and record(path.with_suffix(".json"), "image-result"):
        return True
    if asked is None or path.parent == asked:
        return False
    if path.parent.name in OUR_FOLDERS and record(path.parents[1] / "run.json", "run"):
        return True
    prepared = record(path.with_suffix(".json"), "preprocessed-image")
    return prepared.get("file") == path.name


def _record(path: Path, kind: str) -> dict[str, Any]:
    """What a JSON file of ours holds; nothing if it is not there or of another kind."""
    try:
        values = json.loads(read_file(path, _RECORD_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    ours = isinstance(values, dict) and str(values.get("schema")).startswith(_SCHEMA.format(kind))
    return values if ours else {}
