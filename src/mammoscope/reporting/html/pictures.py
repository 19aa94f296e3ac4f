"""Where a report's pictures are kept: in the page itself, or in files beside it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mammoscope.errors import OutputError
from mammoscope.files import ensure_folder, write_bytes
from mammoscope.locations import is_remote, located

_THUMB_PX = 160
"""Height of a thumbnail at most."""

_OURS = re.compile(
    r"((study|index)-\d+\.html|(film|thumb)-\d+\.jpg|(closeup|heat)-\d+-\d+\.(jpg|png))"
)
"""Files of an earlier report."""


class Keep(Protocol):
    """Keeps a picture, ``NAME.jpg`` or ``NAME.png``; gives what a page calls it by."""

    def __call__(self, data: bytes, name: str) -> str:
        """Keep ``data``."""


def in_page(data: bytes, name: str) -> str:
    """The picture as an address that holds it."""
    kind = "png" if name.endswith(".png") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


@dataclass(frozen=True)
class Beside:
    """Pictures in a folder, called by a path from the pages."""

    folder: Path
    prefix: str

    def __call__(self, data: bytes, name: str) -> str:
        """As :class:`Keep`.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        write_bytes(ensure_folder(self.folder) / name, data)
        return f"{self.prefix}{name}"


def thumbnail(jpeg: bytes) -> tuple[bytes, int, int]:
    """A small JPEG of a picture, its width and its height."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None  # noqa: S101  (it is one of ours)
    rows, columns = picture.shape
    size = max(1, round(columns * min(1.0, _THUMB_PX / rows))), min(rows, _THUMB_PX)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return data.tobytes(), *size


def remove_pages(folder: Path) -> None:
    """Remove what an earlier report left in its folder, lest it pass for a part of this one.

    Raises
    ------
    OutputError
        If a file cannot be removed.
    """
    folder = located(folder)
    for path in (*folder.glob("images/*"), *folder.glob("*")):
        if _OURS.fullmatch(path.name):
            try:
                path.unlink()
            except OSError as error:
                raise OutputError(path, f"cannot be written: {error.strerror or error}") from error
    for empty in () if is_remote(folder) else (folder / "images", folder):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
