"""The objects as DCMTK shows them, beside where the masses lie and what we read ourselves.

DCMTK applies a state's look-up tables but draws no lines: that marks enclose the mass is looked at
on the rendered picture, with the marks as DCMTK read and wrote them again.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread

from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.model import PhantomOptions
from mammoscope.phantom.synthesis import make_phantom
from mammoscope.reading import read

SIZE = {"rows": 300, "columns": 250, "seed": 3}
"""Of the fixture's phantoms."""


def run(*command: object) -> None:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run([str(part) for part in command], check=True, timeout=60, capture_output=True)


def rendered(made: Any, name: str) -> tuple[np.ndarray, Dataset]:
    """The picture under a state (uint8), and the state as DCMTK writes it again."""
    picture, again = made.out / f"{name}.pgm", made.out / f"{name}.again.dcm"
    state = made.out / "dicom" / f"{name}.gsps.dcm"
    run("dcmp2pgm", "-p", state, "+S", again, source(made, name), picture)
    return cv2.imread(str(picture), cv2.IMREAD_UNCHANGED), dcmread(again)


def source(made: Any, name: str) -> Path:
    return Path(made.out.parent / "in" / f"{name}.dcm")


def inverted(header: Dataset) -> None:
    """The same picture the other way round."""
    header.PhotometricInterpretation = "MONOCHROME1"
    header.PresentationLUTShape = "INVERSE"
    top = (1 << header.BitsStored) - 1
    header.PixelData = (top - header.pixel_array).astype("<u2").tobytes()
    header.WindowCenter = top + 1 - header.WindowCenter


@pytest.mark.parametrize("change", [lambda header: None, inverted])
def test_under_the_state_an_image_looks_as_we_read_it(make_case: Any, change: Any) -> None:
    made = make_case(change=change)
    made.write("gsps")
    for result in made.results:
        picture, _ = rendered(made, result.name)
        pixels = read(source(made, result.name)).pixels
        np.testing.assert_allclose(picture / 255, pixels, atol=0.01)


def test_the_marks_enclose_the_masses_of_the_rendered_picture(
    make_case: Any, tmp_path: Path
) -> None:
    """The masses are what differs from the same breast without any."""
    made = make_case()
    made.write("gsps")
    for result in made.results:
        healthy = make_phantom(result.view, result.laterality, PhantomOptions(**SIZE, masses=0))
        write_dicom(healthy, tmp_path / "healthy.dcm")
        picture, state = rendered(made, result.name)
        mass = np.abs(picture / 255 - read(tmp_path / "healthy.dcm").pixels) > 0.02
        (marks,) = state.GraphicAnnotationSequence
        assert len(marks.GraphicObjectSequence) == len(marks.TextObjectSequence) == 2
        for mark in marks.GraphicObjectSequence:
            points = np.reshape(mark.GraphicData, (-1, 2))
            (x0, y0), (x1, y1) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
            assert mass[y0:y1, x0:x1].mean() > 0.4
            mass[y0:y1, x0:x1] = False
        assert mass.mean() < 0.001


def test_the_capture_shows_the_marks_where_the_masses_lie(make_case: Any) -> None:
    made = make_case()
    made.write("sc")
    for result in made.results:
        path = made.out / f"{result.name}.rendered.png"
        run("dcmj2pnm", "+on", made.out / "dicom" / f"{result.name}.sc.dcm", path)
        red, blue = (cv2.imread(str(path))[:, :, channel].astype(int) for channel in (2, 0))
        orange = red - blue > 150
        for x0, y0, x1, y1 in result.detections.boxes.astype(int):
            for line in (
                orange[y0, x0:x1],
                orange[y1 - 1, x0:x1],
                orange[y0:y1, x0],
                orange[y0:y1, x1 - 1],
            ):
                assert line.mean() > 0.5, "each side of the box is drawn, but where a label covers"
