from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mammoscope.training.engine.graphs import assembled, halved, part


def product(weights: np.ndarray) -> bytes:
    """``x`` (1, rows) times a matrix, as ``y``."""
    rows, columns = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, columns])],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def run(data: bytes, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(np.float32)})[0]


def test_parts_of_the_same_names_are_put_side_by_side() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 3, 4))
    x = rng.standard_normal((1, 3))
    both = helper.make_node("Sub", ["a_y", "b_y"], ["difference"])
    steps = [part(product(first), "a_"), part(product(second), "b_"), both]
    data = assembled(steps, {"x": (1, 3)}, {"difference": (1, 4)})
    assert run(data, x) == pytest.approx(x @ (first - second), abs=1e-5)
    assert assembled(steps, {"x": (1, 3)}, {"difference": (1, 4)}) == data


@pytest.mark.parametrize(("rows", "is_halved"), [(16, False), (600, True)])
def test_large_arrays_are_halved_and_give_nearly_the_same(rows: int, is_halved: bool) -> None:
    rng = np.random.default_rng(rows)
    weights, x = rng.standard_normal((rows, 4)) / 10, rng.standard_normal((1, rows))
    data = halved(product(weights))
    assert (len(data) < 0.6 * len(product(weights))) == is_halved
    kept = weights.astype(np.float16) if is_halved else weights
    assert run(data, x) == pytest.approx(x @ kept.astype(np.float64), abs=1e-4)
