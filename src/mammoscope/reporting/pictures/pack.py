"""Pictures of a result in one file, where they wait for the report."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from mammoscope.files import read_file
from mammoscope.geometry import Frame
from mammoscope.types import ImageResult, Pictures, Preview


def pack(pictures: Pictures) -> bytes:
    """A line of JSON with where each picture lies and how long it is, then the pictures."""
    all_of = (pictures.preview, *pictures.closeups)
    told = [[each.frame.as_dict(), len(each.jpeg)] for each in all_of]
    return b"".join((json.dumps(told).encode("ascii"), b"\n", *(each.jpeg for each in all_of)))


def read_pack(path: Path) -> Pictures | None:
    """What :func:`pack` made; None where the file is not there or holds something else."""
    try:
        line, _, data = read_file(path).partition(b"\n")
        previews, at = [], 0
        for frame, length in json.loads(line):
            previews.append(Preview(data[at : at + length], Frame.from_dict(frame)))
            at += length
        if at != len(data):
            return None
        return Pictures(previews[0], tuple(previews[1:]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def no_pictures(result: ImageResult) -> Pictures:
    """Black, in place of an image that cannot be read any more."""
    _, data = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))
    return Pictures(Preview(data.tobytes(), result.frame))
