"""What many tests share: a small synthetic study, the shipped model, made models, commands."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import ArrayLike
from typer.testing import CliRunner

from mammoscope.classification.reference import TELLING, reference
from mammoscope.cli import app
from mammoscope.geometry import Frame, as_boxes
from mammoscope.models import ClassifierCard, DetectorCard, SecondLookCard, find_card
from mammoscope.models.card import SCHEMA
from mammoscope.phantom import StudyOptions, WrittenStudies, write_studies
from mammoscope.types import (
    Detections,
    Evidence,
    Explanation,
    ImageResult,
    Mammogram,
    ModelUse,
    SourceFacts,
)

# A machine that is busy is no fault of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

MEAN = """
    mean (float[1,1,32,32] picture) => (float[1] logit, float[1,32,32] map) {
        places = Constant <value = int64[3] {1, 2, 3}> ()
        channel = Constant <value = int64[1] {1}> ()
        logit = ReduceMean <keepdims = 0> (picture, places)
        map = Squeeze (picture, channel)
    }
"""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> WrittenStudies:
    """One patient's four views, as DICOM in four encodings and as film in PNG. Read only."""
    return write_studies(tmp_path_factory.mktemp("study"), StudyOptions(seed=1, rows=500))


@pytest.fixture(scope="session")
def card_path() -> Path:
    """The card of the shipped detector."""
    return find_card(DetectorCard).path


@pytest.fixture
def run_command() -> Callable[..., Any]:
    """Run ``mammoscope`` with some arguments in this process, on a wide terminal."""

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})

    return run


Writer = Callable[..., dict[str, Any]]


@pytest.fixture
def write_model(tmp_path: Path) -> Writer:
    """Write an ONNX model, given in ONNX's text format; gives what every card of it says."""
    parser = pytest.importorskip("onnx.parser", reason="needs onnx, part of the extra [train]")

    def write(graph: str, name: str = "made") -> dict[str, Any]:
        model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]>\n{graph}')
        data = model.SerializeToString()
        (tmp_path / f"{name}.onnx").write_bytes(data)
        return {
            "schema": SCHEMA,
            "name": name,
            "version": "1",
            "weights": {
                "file": f"{name}.onnx",
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
            },
        }

    return write


@pytest.fixture
def write_card(tmp_path: Path, write_model: Writer) -> Callable[..., DetectorCard]:
    """Write a detector, given in ONNX's text format, and its card."""

    def write(graph: str, rows: int, columns: int, **changes: Any) -> DetectorCard:
        values = write_model(graph) | {
            "task": "detection",
            "threshold": {"value": 0.5},
            "input": {"rows": rows, "columns": columns},
        }
        (tmp_path / "made.json").write_text(json.dumps(values | changes))
        return DetectorCard.read(tmp_path / "made.json")

    return write


@pytest.fixture
def write_classifier(tmp_path: Path, write_model: Writer) -> Callable[..., ClassifierCard]:
    """Write a classifier, given in ONNX's text format, and its card.

    Without a graph its logit is the mean of a picture of 32 pixels, and its map that picture.
    """

    def write(
        graph: str = "", side: int = 32, features: Sequence[str] = (), **changes: Any
    ) -> ClassifierCard:
        values = write_model(graph or MEAN) | {
            "task": "classification",
            "input": {"side": side, "margin": 1.5, "features": list(features)},
        }
        (tmp_path / "made.json").write_text(json.dumps(values | changes))
        return ClassifierCard.read(tmp_path / "made.json")

    return write


@pytest.fixture
def bright_markers(tmp_path: Path, write_model: Writer) -> Callable[..., SecondLookCard]:
    """A second look to which what is bright in the mean of 16 x 16 pixels is a marker."""

    def write(
        slopes: str = "-20.0, 20.0, 0.0, 0.0",
        biases: str = "10.0, -10.0, -9.0, -9.0",
        output: str = "logits",
        **changes: Any,
    ) -> SecondLookCard:
        kinds = len(slopes.split(","))
        graph = f"""
            look (float[1,1,16,16] picture) => (float[1,{kinds}] {output}) {{
                places = Constant <value = int64[3] {{1, 2, 3}}> ()
                slopes = Constant <value = float[1,{kinds}] {{{slopes}}}> ()
                biases = Constant <value = float[1,{kinds}] {{{biases}}}> ()
                mean = ReduceMean <keepdims = 0> (picture, places)
                sloped = Mul (mean, slopes)
                {output} = Add (sloped, biases)
            }}
        """
        values = write_model(graph, "look") | {
            "task": SecondLookCard.task,
            "input": {"side": 16, "margin": 1.5},
            "kinds": ["mass", "marker", "node", "other"],
            "calibration": {"score": [-0.5, 0.75, 0.5]},
            "regions": 10,
            "named_from": 0.9,
        }
        (tmp_path / "look.json").write_text(json.dumps(values | changes))
        return SecondLookCard.read(tmp_path / "look.json")

    return write


@pytest.fixture
def fixed_model(write_card: Callable[..., DetectorCard]) -> Callable[..., DetectorCard]:
    """A detector that finds the same boxes on every picture of 64 x 48 pixels."""

    def write(boxes: ArrayLike, scores: Sequence[float]) -> DetectorCard:
        flat = ", ".join(f"{v:g}" for v in np.asarray(boxes, dtype=float).ravel())
        n, listed = len(scores), ", ".join(f"{s:g}" for s in scores)
        return write_card(
            f"""
            fixed (float[1,1,64,48] picture) => (float[1,{n},4] boxes, float[1,{n}] scores) {{
                boxes = Constant <value = float[1,{n},4] {{{flat}}}> ()
                scores = Constant <value = float[1,{n}] {{{listed}}}> ()
            }}
            """,
            64,
            48,
        )

    return write


@pytest.fixture
def brightest_pixel(write_card: Callable[..., DetectorCard]) -> DetectorCard:
    """A detector that marks the brightest pixel of a picture of 64 x 48, its value as the score."""
    return write_card(
        """
        brightest (float[1,1,64,48] picture) => (float[1,1,4] boxes, float[1,1] scores) {
            row = Constant <value = int64[2] {1, -1}> ()
            axis = Constant <value = int64[1] {1}> ()
            columns = Constant <value = int64[1] {48}> ()
            size = Constant <value = float[1,1,4] {0.0, 0.0, 1.0, 1.0}> ()
            flat = Reshape (picture, row)
            scores = ReduceMax <keepdims = 1> (flat, axis)
            at = ArgMax <axis = 1, keepdims = 1> (flat)
            y = Div (at, columns)
            x = Mod (at, columns)
            xyxy = Concat <axis = 1> (x, y, x, y)
            corner = Cast <to = 1> (xyxy)
            boxes = Add (corner, size)
        }
        """,
        64,
        48,
    )


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def explanation() -> Explanation:
    """Of the first box of ``make_result``."""
    features = {
        telling.name: reference().placed(telling.name, 0.25 + 0.125 * i)
        for i, telling in enumerate(TELLING)
    }
    evidence = Evidence(np.array([10.0, 30, 70, 90]), np.linspace(-2, 4, 36).reshape(6, 6))
    return Explanation(features, evidence)


@pytest.fixture
def mammogram() -> Mammogram:
    """A bright ellipse on black, 300 rows by 200 columns, 0.1 mm a pixel."""
    rows, columns = 300, 200
    y, x = np.mgrid[:rows, :columns]
    inside = (x / 150) ** 2 + ((y - 150) / 130) ** 2 < 1
    pixels = np.where(inside, 0.3 + 0.4 * y / rows, 0).astype(np.float32)
    frame = Frame(rows, columns, spacing_mm=(0.1, 0.1), spacing_source="ImagerPixelSpacing")
    return Mammogram(pixels, frame, laterality="L", view="CC")


@pytest.fixture
def make_result(mammogram: Mammogram) -> Callable[..., ImageResult]:
    def make(
        boxes: Any = ((20, 30, 60, 90), (100, 120, 140, 150)),
        scores: Any = (0.9, 0.2),
        p_malignant: Any = None,
        **fields: Any,
    ) -> ImageResult:
        frame = fields.pop("frame", mammogram.frame)
        name = fields.pop("name", "left_cc")
        found = Detections(
            boxes=as_boxes(boxes),
            scores=np.asarray(scores, dtype=np.float64),
            p_malignant=np.asarray(
                np.full(len(scores), np.nan) if p_malignant is None else p_malignant,
                dtype=np.float64,
            ),
            path=np.array(["whole"] * len(scores), dtype="<U5"),
            frame=frame,
        )
        plain = ImageResult(
            name=name,
            source=SourceFacts(
                path=f"study/{name}.dcm",
                sha256=sha256(name),
                kind="DICOM",
                rows=frame.rows,
                columns=frame.columns,
                bits_stored=12,
                intensity="VOI window, linear",
            ),
            frame=frame,
            detections=found,
            threshold=0.5,
            laterality="L",
            view="CC",
            patient_id="P1",
            study_id="1.2.3",
            models=(ModelUse("detector", sha256("weights")),),
            warnings=("Something to know.",),
            timings_s={"read": 0.25, "detect": 1.5},
        )
        return replace(plain, **fields)

    return make


DIES = """
import os, sys

OURS, RAYS = "mammoscope.runs.engines.worker", "default_worker.py"
if any(word == OURS or word.endswith(RAYS) for word in sys.orig_argv):
    import threading

    def watch():
        import mammoscope.pipeline as p
        real = p.read

        def read(path, *more):
            if os.environ["DIES_ON"] in str(path):
                os.kill(os.getpid(), 9)
            return real(path, *more)

        p.read = read

    import importlib.abc

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name == "mammoscope.runs.job":
                sys.meta_path.remove(self)
                watch()
            return None

    sys.meta_path.insert(0, Finder())
"""


@pytest.fixture
def workers_die_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have every worker process, of ours or of Ray's, be killed when it reads an image."""

    def begin(image: Path) -> None:
        # Python runs this first in each process that is started.
        hook = tmp_path / "hook"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(DIES)
        monkeypatch.setenv("DIES_ON", image.stem)
        monkeypatch.setattr(sys, "path", [str(hook), *sys.path])
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))

    return begin
