"""ONNX models put together from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from mammoscope.training.export import without_traces

_LARGE = 1024
"""Numbers from which an array is kept in half precision."""


def part(data: bytes, prefix: str) -> ModelProto:
    """A model to be put into another: ``prefix`` before all its names but those of its inputs."""
    return onnx.compose.add_prefix(onnx.load_from_string(data), prefix, rename_inputs=False)


def assembled(
    steps: Sequence[ModelProto | NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
) -> bytes:
    """One model of models and nodes, each of which needs only what those before it give.

    Parameters
    ----------
    inputs, outputs
        Shapes by name; all are float32.
    """
    models = [step for step in steps if isinstance(step, ModelProto)]
    nodes: list[NodeProto] = []
    for step in steps:
        nodes.extend(step.graph.node if isinstance(step, ModelProto) else [step])

    def values(shapes: Mapping[str, Sequence[int | str]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    arrays = [array for model in models for array in model.graph.initializer]
    graph = helper.make_graph(nodes, "assembled", values(inputs), values(outputs), arrays)
    opsets = {each.domain: each for model in models for each in model.opset_import}
    version = max(model.ir_version for model in models)
    model = helper.make_model(graph, opset_imports=list(opsets.values()), ir_version=version)
    return without_traces(model)


def halved(data: bytes) -> bytes:
    """The model with its large arrays kept as float16; it reckons in float32 as before."""
    model = onnx.load_from_string(data)
    graph = model.graph
    casts = []
    for array in graph.initializer:
        values = numpy_helper.to_array(array)
        if values.dtype == np.float32 and values.size >= _LARGE:
            name, half = array.name, f"{array.name}_half"
            array.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
            casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(model.SerializeToString())
