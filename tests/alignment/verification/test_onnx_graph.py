"""ONNX: the graph computes what onnxruntime computes; what is not known is named."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import onnx_replay, output_bounds, read_onnx
from daneel.errors import ConfigError

RANDOM = np.random.default_rng(0)


def constant(name: str, *shape: int) -> Any:
    """Random weights."""
    return numpy_helper.from_array(RANDOM.normal(size=shape).astype(np.float32), name)


def integers(name: str, *values: int) -> Any:
    """Indices and shapes."""
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def node(kind: str, inputs: str, outputs: str, **options: Any) -> Any:
    """Names parted by spaces."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **options)


def model(
    nodes: list[Any], constants: list[Any], shapes: dict[str, list[int]], opset: int = 20
) -> onnx.ModelProto:
    """A model whose output is y."""
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "mlp": lambda: model(
        [
            node("Sub", "x mean", "a"),
            node("Div", "a scale", "b"),
            node("Gemm", "b w c", "d", transB=1),
            node("Relu", "d", "e"),
            node("MatMul", "e v", "f"),
            node("Add", "f o", "g"),
            node("Tanh", "g", "y"),
        ],
        [constant("mean", 4), constant("scale", 4), constant("w", 6, 4), constant("c", 6),
         constant("v", 6, 3), constant("o", 3)],
        {"x": [1, 4]},
    ),
    "silu, leaky, clip, concat, split": lambda: model(
        [
            node("Sigmoid", "x", "s"),
            node("Mul", "x s", "a"),
            node("LeakyRelu", "x", "b", alpha=0.2),
            node("Concat", "a b k", "c", axis=1),
            node("Split", "c sizes", "d e", axis=1),
            node("Clip", "d low high", "f"),
            node("Slice", "e from to axes", "g"),
            node("Mul", "f g", "h"),
            node("Neg", "h", "i"),
            node("ReduceMean", "i one", "y"),
        ],
        [constant("k", 1, 2), integers("sizes", 5, 5), integers("from", 0), integers("to", 5),
         integers("axes", 1), integers("one", 1),
         numpy_helper.from_array(np.array(-0.3, np.float32), "low"),
         numpy_helper.from_array(np.array(0.4, np.float32), "high")],
        {"x": [1, 4]},
    ),
    "convolution": lambda: model(
        [
            node("Conv", "x w b", "a", pads=[1, 0, 1, 2], strides=[2, 1]),
            node("BatchNormalization", "a g h m v", "c"),
            node("Relu", "c", "d"),
            node("AveragePool", "d", "e", kernel_shape=[2, 2], strides=[1, 2]),
            node("Transpose", "e", "f", perm=[0, 2, 3, 1]),
            node("Flatten", "f", "i"),
            node("MatMul", "i u", "y"),
        ],
        [constant("w", 3, 2, 3, 3), constant("b", 3), constant("g", 3), constant("h", 3),
         constant("m", 3), numpy_helper.from_array(np.ones(3, np.float32), "v"),
         constant("u", 12, 2)],
        {"x": [1, 2, 5, 4]},
    ),
    "layer norm over two inputs": lambda: model(
        [
            node("Concat", "x z", "a", axis=1),
            node("LayerNormalization", "a s b", "c"),
            node("Reshape", "c shape", "d"),
            node("MatMul", "w d", "e"),
            node("Squeeze", "e zero", "f"),
            node("Gather", "f pick", "y", axis=0),
        ],
        [constant("s", 6), constant("b", 6), integers("shape", 1, 3, 2), constant("w", 4, 3),
         integers("zero", 0), integers("pick", 3, 1)],
        {"x": [1, 4], "z": [1, 2]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_computes_what_onnxruntime_computes(name: str, tmp_path: Path) -> None:
    """And the bounds hold for it; packed files too."""
    path = tmp_path / "n.onnx.gz"
    path.write_bytes(gzip.compress(MODELS[name]().SerializeToString()))
    graph, replay = read_onnx(path), onnx_replay(path)
    x = torch.from_numpy(RANDOM.normal(size=(20, graph.inputs)))
    x = x.float().double()
    deployed = replay(x)
    assert torch.allclose(graph(x), deployed, atol=1e-4, rtol=1e-4)
    low, high = x.amin(0), x.amax(0)
    for method in ("ibp", "zonotope", "crown"):
        found = output_bounds(graph, low, high, method)
        assert (deployed >= found[0]).all()
        assert (deployed <= found[1]).all()


def test_an_operator_that_is_not_known_is_named(tmp_path: Path) -> None:
    """With those that are."""
    path = tmp_path / "n.onnx"
    onnx.save(model([node("Softmax", "x", "y")], [], {"x": [1, 4]}), path)
    with pytest.raises(NoBoundError, match="operator Softmax"):
        read_onnx(path)
    product = model([node("MatMul", "x x", "y")], [], {"x": [2, 2]})
    onnx.save(product, path)
    with pytest.raises(NoBoundError, match="MatMul of two values"):
        read_onnx(path)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    """Absent, empty, no gzip."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx")
    for name in ("a.onnx", "a.onnx.gz"):
        (tmp_path / name).write_bytes(b"not a model")
        with pytest.raises(ConfigError):
            read_onnx(tmp_path / name)


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    """No bound is known behind NaN."""
    broken = numpy_helper.from_array(np.full((4, 2), np.nan, np.float32), "w")
    onnx.save(model([node("MatMul", "x w", "y")], [broken], {"x": [1, 4]}), tmp_path / "n.onnx")
    with pytest.raises(NoBoundError, match="not finite"):
        read_onnx(tmp_path / "n.onnx")
