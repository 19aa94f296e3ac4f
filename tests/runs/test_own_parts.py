"""Parts of other packages: those of docs/extending.md, and one package with a part of each kind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from mammoscope import Mammogram, Pipeline, PipelineOptions
from mammoscope.classification import Classifier, ExplainingClassifier, OnnxClassifier
from mammoscope.density import find_density
from mammoscope.detection import Detector, OnnxDetector
from mammoscope.models import ClassifierCard, DetectorCard
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.encoding import ENCODINGS

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")

FOUND = """
    found (float[1,1,1024,512] picture) => (float[1,1,4] boxes, float[1,1] scores) {
        boxes = Constant <value = float[1,1,4] {128.0, 256.0, 256.0, 512.0}> ()
        scores = Constant <value = float[1,1] {0.75}> ()
    }
"""

PACKAGE = """
import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from highdicom import SOPClass

from mammoscope.dicom_results.instance import common
from mammoscope.dicom_results.kinds import DicomKind
from mammoscope.types import Detections, ModelUse


class Middle:
    model, threshold = ModelUse("middle 1", "2" * 64), 0.25

    def find(self, mammogram):
        rows, columns = mammogram.frame.size
        box = [columns / 4, rows / 4, columns / 2, rows / 2]
        return Detections.of([box], [0.5], mammogram.frame, "whole")


class Sure:
    model, threshold = ModelUse("sure 1", "3" * 64), 0.5

    def classify(self, mammogram, boxes):
        return np.ones(len(boxes))


def note(study):
    made = SOPClass(
        **common(study, "sc"),
        study_instance_uid=study.uid,
        sop_class_uid=SecondaryCaptureImageStorage,
        modality="OT",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    made.ImageComments = f"{len(study.images)} images"
    return made


NOTE = DicomKind("study", note)
"""


def example(title: str) -> str:
    """The Python under a title of the page."""
    part = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    return str(code)


def test_the_pages_detector_leads_back_to_the_source(
    mammogram: Mammogram, write_model: Callable[[str], Any], tmp_path: Path
) -> None:
    write_model(FOUND)
    (tmp_path / "made.onnx").rename(tmp_path / "mine.onnx")
    known: dict[str, Any] = {"__file__": str(tmp_path / "mine.py")}
    exec(example("A detector"), known)
    detector = known["Mine"]()
    assert isinstance(detector, Detector)
    _, result = Pipeline(PipelineOptions(classify=False), detector=detector)(mammogram)
    assert result.models == (
        detector.model,
        find_density().model,
    ) and result.shown.scores.tolist() == [0.75]
    # A quarter of the breast each way, wherever it was cut out.
    ((x0, y0, x1, y1),) = result.detections.boxes
    assert 0 <= x0 < x1 <= 200 and 0 <= y0 < y1 <= 300
    assert (x1 - x0, y1 - y0) == pytest.approx((150 / 4, 260 / 4), abs=2)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A distribution with a part for each socket of a run, as an installer leaves it."""
    folder = tmp_path / "site"
    info = folder / "their_parts-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "their_parts.py").write_text(PACKAGE + example("An output"), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-parts\nVersion: 1.0\n")
    points = {
        "detectors": "middle = their_parts:Middle",
        "classifiers": "sure = their_parts:Sure",
        "outputs": "worklist = their_parts:Worklist",
        "dicom": "note = their_parts:NOTE",
    }
    (info / "entry_points.txt").write_text(
        "".join(f"[mammoscope.{group}]\n{point}\n" for group, point in points.items())
    )
    return folder


def test_a_package_with_one_of_each_is_found_by_the_command(package: Path, tmp_path: Path) -> None:
    image = tmp_path / "l_cc.dcm"
    options = PhantomOptions(rows=300, columns=250, seed=3, masses=1)
    write_dicom(make_phantom("CC", "L", options), image, ENCODINGS["linear"])
    parts = "--model middle --classifier sure --output json,worklist --dicom note"
    command = "from mammoscope.cli import main; main()"
    arguments = ["detect", str(image), "--out", str(tmp_path / "out"), *parts.split()]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *sys.path])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [model["name"] for model in run["models"]] == ["middle 1", "sure 1", "density 1"]
    result = json.loads((tmp_path / "out" / "l_cc.json").read_text())
    assert [(f["score"], f["p_malignant"]) for f in result["findings"]] == [(0.5, 1.0)]
    assert json.loads((tmp_path / "out" / "worklist.json").read_text()) == [result["study_id"]]
    (note,) = (tmp_path / "out" / "dicom").iterdir()
    assert note.name.endswith(".note.dcm") and dcmread(note).ImageComments == "1 images"
    assert not (tmp_path / "out" / "report.html").exists()


def test_ours_fit_their_protocols(
    brightest_pixel: DetectorCard, write_classifier: Callable[[], ClassifierCard]
) -> None:
    assert isinstance(OnnxDetector(brightest_pixel), Detector)
    classifier = OnnxClassifier(write_classifier())
    assert isinstance(classifier, Classifier) and isinstance(classifier, ExplainingClassifier)
    assert not isinstance(np.zeros(3), Detector)
