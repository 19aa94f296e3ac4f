"""Measures one case in a process of its own and writes what it found as JSON.

Run as a script: ``measure.py CASE FILE REPEATS [CARD]``. Cases:

``decode``
    The pixels of a parsed file decoded by pydicom, and nothing else. The first floor.
``pass``
    One multiplication over the float32 picture, in place. The second floor.
``phases``
    Reading, preprocessing and detection as the pipeline does them.

Every case runs once before it is timed; peak memory is that of this first run.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
from memory import children_peak, own_peak
from pydicom.pixels.utils import pixel_array

from mammoscope.detection import OnnxDetector
from mammoscope.errors import ModelError
from mammoscope.models import DetectorCard, find_card
from mammoscope.preprocessing import preprocess
from mammoscope.reading import read

Step = tuple[str, Callable[[Any], Any]]
"""A name, and a function of what the step before it gave."""

LIBRARIES = (
    "mammoscope",
    "numpy",
    "opencv-python-headless",
    "pydicom",
    "python-gdcm",
    "pylibjpeg-openjpeg",
    "onnxruntime",
)


def decode_steps(file: Path) -> list[Step]:
    """The first floor, with the codecs that pydicom takes by itself.

    For JPEG 2000 that is GDCM, on several threads; mammoscope decodes on one.
    """
    dataset = pydicom.dcmread(file)
    return [("decode", lambda _: pixel_array(dataset))]


def pass_steps(file: Path) -> list[Step]:
    """The second floor."""
    pixels = read(file).pixels.copy()
    return [("pass", lambda _: np.multiply(pixels, np.float32(1), out=pixels))]


def phase_steps(file: Path, card: Path | None) -> list[Step]:
    """The pipeline's phases; without detection where there is no model."""
    steps: list[Step] = [("read", lambda _: read(file)), ("preprocess", preprocess)]
    try:
        detector = OnnxDetector(find_card(DetectorCard, card))
    except ModelError:
        if card is not None:
            raise
        return steps
    return [*steps, ("detect", lambda prepared: detector.find(prepared.mammogram))]


def measure(steps: list[Step], repeats: int) -> dict[str, Any]:
    """Peak bytes after each step of a first run, and its seconds in each of the runs after it.

    What the steps give is kept until the run ends, as the pipeline keeps it.
    """
    found: dict[str, Any] = {"baseline_bytes": own_peak(), "steps": {}}
    for run in range(repeats + 1):
        values: list[Any] = [None]
        gc.collect()
        for name, step in steps:
            start = time.perf_counter()
            values.append(step(values[-1]))
            seconds = time.perf_counter() - start
            if run == 0:
                peaks = {"own_peak_bytes": own_peak(), "children_peak_bytes": children_peak()}
                found["steps"][name] = {**peaks, "seconds": []}
            else:
                found["steps"][name]["seconds"].append(seconds)
    return found


def facts() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "cv2_threads": cv2.getNumThreads(),
        "onnxruntime_threads": 1,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def main(arguments: list[str]) -> None:
    """Measure what the command line says."""
    if arguments == ["facts"]:
        print(json.dumps(facts()))
        return
    case, file, repeats = arguments[0], Path(arguments[1]), int(arguments[2])
    card = Path(arguments[3]) if len(arguments) > 3 else None
    steps = {
        "decode": lambda: decode_steps(file),
        "pass": lambda: pass_steps(file),
        "phases": lambda: phase_steps(file, card),
    }[case]()
    print(json.dumps(measure(steps, repeats)))


if __name__ == "__main__":
    main(sys.argv[1:])
