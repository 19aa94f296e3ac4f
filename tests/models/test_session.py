from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoscope.errors import ModelError
from mammoscope.models.detector_card import DetectorCard
from mammoscope.models.session import OnnxModel

DOUBLE = "double (float[1,1,4,3] picture) => (float[1,1,4,3] y) { y = Add (picture, picture) }"


def test_a_model_is_a_function_of_its_picture(write_card: Callable[..., DetectorCard]) -> None:
    model = OnnxModel(write_card(DOUBLE, 4, 3))
    picture = np.arange(12, dtype=np.float32).reshape(1, 1, 4, 3)
    for _ in range(2):
        (doubled,) = model(picture=picture)
        np.testing.assert_array_equal(doubled, 2 * picture)


def test_a_picture_of_another_size(write_card: Callable[..., DetectorCard]) -> None:
    model = OnnxModel(write_card(DOUBLE, 4, 3))
    with pytest.raises(ModelError, match=r"made takes .*\(1, 4, 3\).*, got .*\(1, 3, 4\)"):
        model(picture=np.zeros((1, 1, 3, 4), dtype=np.float32))


def test_weights_that_take_another_size_than_the_card_says(
    write_card: Callable[..., DetectorCard],
) -> None:
    card = write_card(DOUBLE, 8, 6)
    with pytest.raises(ModelError, match=r"made\.onnx: takes .*1, 4, 3.* card says .*8.*6"):
        OnnxModel(card)


def test_weights_that_are_no_model(write_card: Callable[..., DetectorCard]) -> None:
    good = write_card(DOUBLE, 4, 3)
    nonsense = b"not a model"
    good.weights_path.write_bytes(nonsense)
    with pytest.raises(ModelError, match="changed or cut off"):
        OnnxModel(good)


def test_the_runtime_reports_to_nobody(tmp_path: Path) -> None:
    ask = "from mammoscope.density import find_density; find_density()"
    silent = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "XDG_CACHE_HOME")
    own = {name: value for name, value in os.environ.items() if name not in silent}
    home = {**own, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ask], env=home, check=True)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
