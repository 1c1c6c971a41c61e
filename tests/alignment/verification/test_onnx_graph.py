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
    nodes: list[Any], constants: list[Any], shapes: dict[str, list[Any]], opset: int = 20
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
    "channels last with a padded convolution": lambda: model(
        [
            node("Transpose", "x", "a", perm=[0, 3, 1, 2]),
            node("Conv", "a w b", "c", auto_pad=b"SAME_UPPER", strides=[2, 2]),
            node("Relu", "c", "d"),
            node("Transpose", "d", "e", perm=[0, 2, 3, 1]),
            node("Reshape", "e shape", "f"),
            node("MatMul", "f v", "g"),
            node("Add", "g o", "y"),
        ],
        [constant("w", 3, 2, 3, 3), constant("b", 3), integers("shape", -1, 27),
         constant("v", 27, 2), constant("o", 2)],
        {"x": ["unk__1", 5, 5, 2]},
    ),
    "a shape that is asked for": lambda: model(
        [
            node("Conv", "x w b", "a", pads=[1, 1, 1, 1]),
            node("MaxPool", "a", "c", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0, 0, 0]),
            node("Shape", "c", "d"),
            node("Gather", "d zero", "e", axis=0),
            node("Unsqueeze", "e axis", "f"),
            node("Concat", "f rest", "g", axis=0),
            node("Reshape", "c g", "h"),
            node("Gemm", "h v o", "y", transB=1, alpha=0.5, beta=2.0),
        ],
        [constant("w", 3, 2, 3, 3), constant("b", 3),
         numpy_helper.from_array(np.array(0, np.int64), "zero"), integers("axis", 0),
         integers("rest", -1), constant("v", 2, 12), constant("o", 2)],
        {"x": ["batch", 2, 4, 4]},
    ),
    "constants on the left": lambda: model(
        [
            node("Transpose", "x", "t", perm=[1, 0]),
            node("MatMul", "w t", "a"),
            node("Relu", "a", "b"),
            node("Gemm", "v b c", "d"),
            node("Sub", "k d", "e"),
            node("Mul", "k e", "f"),
            node("Max", "f e d", "g"),
            node("Min", "g k", "h"),
            node("Sum", "h h d", "y"),
        ],
        [constant("w", 6, 4), constant("v", 2, 6), constant("c", 2, 1), constant("k", 2, 1)],
        {"x": [1, 4]},
    ),
    "a norm in parts": lambda: model(
        [
            node("ReduceMean", "x axis", "m"),
            node("Sub", "x m", "d"),
            node("Pow", "d two", "q"),
            node("ReduceMean", "q axis", "v"),
            node("Add", "v eps", "e"),
            node("Sqrt", "e", "r"),
            node("Div", "d r", "n"),
            node("PRelu", "n s", "p"),
            node("HardSigmoid", "p", "h"),
            node("Pad", "h pads", "y"),
        ],
        [integers("axis", -1), numpy_helper.from_array(np.array(2, np.float32), "two"),
         numpy_helper.from_array(np.array(1e-2, np.float32), "eps"), constant("s", 4),
         integers("pads", 0, 1, 0, 1)],
        {"x": [1, 4]},
    ),
    "pools with frames": lambda: model(
        [
            node("AveragePool", "x", "a", kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
            node("AveragePool", "x", "b", kernel_shape=[2, 2], pads=[1, 1, 1, 1],
                 count_include_pad=1),
            node("Add", "a b", "c"),
            node("MaxPool", "c", "y", kernel_shape=[3, 3], auto_pad=b"SAME_LOWER"),
        ],
        [],
        {"x": [1, 1, 4, 4]},
    ),
    "a batch exported as a number": lambda: model(
        [node("MatMul", "x w", "a"), node("Relu", "a", "y")], [constant("w", 4, 3)], {"x": [10, 4]}
    ),
    "no batch at all": lambda: model(
        [node("Unsqueeze", "x zero", "u"), node("Conv", "u w", "a"), node("Flatten", "a", "y")],
        [integers("zero", 0), constant("w", 2, 3, 2, 2)],
        {"x": [3, 3, 3]},
    ),
    "numbers that cancel": lambda: model(
        [node("MatMul", "x w", "a"), node("Add", "a k", "b"), node("Sub", "b k", "y")],
        [constant("w", 4, 2), numpy_helper.from_array(np.array([3e3, 7e3], np.float32), "k")],
        {"x": [1, 4]},
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


REFUSED: dict[str, Callable[[], onnx.ModelProto]] = {
    "Cast to something": lambda: model(
        [node("Cast", "x", "a", to=TensorProto.INT32), node("Cast", "a", "y", to=1)],
        [], {"x": [1, 4]},
    ),
    "BatchNormalization in training mode": lambda: model(
        [node("BatchNormalization", "x a b c d", "y e f", training_mode=1)],
        [constant(name, 4) for name in "abcd"], {"x": [1, 4]}, 17,
    ),
    "Dropout in training mode": lambda: model(
        [node("Dropout", "x r t", "y")],
        [numpy_helper.from_array(np.array(0.5, np.float32), "r"),
         numpy_helper.from_array(np.array(True), "t")], {"x": [1, 4]},
    ),
    "Gemm of two values": lambda: model([node("Gemm", "x x", "y", transB=1)], [], {"x": [1, 4]}),
    "MatMul cannot be read": lambda: model(
        [node("MatMul", "x w", "y")], [constant("w", 3, 2)], {"x": [1, 4]}
    ),
    "does not depend on its input": lambda: model(
        [node("Identity", "w", "y")], [constant("w", 3, 2)], {"x": [1, 4]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_would_be_read_wrongly_is_refused(message: str, tmp_path: Path) -> None:
    """Rounding to integers, random numbers, shapes that do not fit: named, never guessed."""
    onnx.save(REFUSED[message](), tmp_path / "n.onnx")
    with pytest.raises(NoBoundError, match=message):
        read_onnx(tmp_path / "n.onnx")


def test_a_reciprocal_of_nothing_has_no_bound(tmp_path: Path) -> None:
    """Division by a value whose interval holds zero, and the root of a negative one."""
    for kind, inputs in (("Div", "k x"), ("Sqrt", "x")):
        file = tmp_path / f"{kind}.onnx"
        onnx.save(model([node(kind, inputs, "y")], [constant("k", 1)], {"x": [1, 2]}), file)
        ones = torch.ones(2)
        for method in ("ibp", "zonotope", "crown"):
            output_bounds(read_onnx(file), ones, 2 * ones, method)
            with pytest.raises(NoBoundError):
                output_bounds(read_onnx(file), -ones, ones, method)
