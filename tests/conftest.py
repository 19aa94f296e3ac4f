"""What many tests share: a small synthetic study, the shipped model, made models, commands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from typer.testing import CliRunner

from mammoscope.cli import app
from mammoscope.models import ClassifierCard, DetectorCard, find_card
from mammoscope.models.card import SCHEMA
from mammoscope.phantom import StudyOptions, WrittenStudies, write_studies

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

    def write(graph: str) -> dict[str, Any]:
        model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]>\n{graph}')
        data = model.SerializeToString()
        (tmp_path / "made.onnx").write_bytes(data)
        return {
            "schema": SCHEMA,
            "name": "made",
            "version": "1",
            "weights": {
                "file": "made.onnx",
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
