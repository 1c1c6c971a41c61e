"""From ONNX files to a graph.

Every value is either a constant, which is computed here, or a node of the graph with the shape that
ONNX gives it (batch 1). What only moves numbers (Reshape, Transpose, Slice, Split, ...) is run on
an array of positions and becomes one `Gather`; what is linear (Conv, AveragePool, ReduceMean, ...)
is run on unit vectors and becomes one `Affine`. Other operators are refused by name.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification.attack import Replay
from daneel.alignment.verification.graph import Builder, Graph, require_small
from daneel.alignment.verification.packed import file_bytes
from daneel.errors import ConfigError, MissingExtraError


@dataclass(frozen=True)
class Value:
    """A node of the graph and the shape in which ONNX sees it."""

    node: int
    shape: tuple[int, ...]

    @property
    def positions(self) -> NDArray[np.int64]:
        """The flat position of each entry."""
        return np.arange(math.prod(self.shape)).reshape(self.shape)


Known = NDArray[Any]
"""A constant."""

Arguments = Sequence[Any]
Options = Mapping[str, Any]


@dataclass
class Reading:
    """What the rules of the operators work on."""

    builder: Builder
    values: dict[str, Value | Known]
    opset: int
    results: int = 1
    """Outputs of the operator that is read."""

    def moved(self, source: Value, positions: NDArray[Any]) -> Value:
        """The entries of a value at other positions."""
        index = torch.from_numpy(np.ascontiguousarray(positions).reshape(-1).astype(np.int64))
        return Value(self.builder.gather(source.node, index), positions.shape)

    def linear(self, source: Value, run: Callable[[Tensor], Tensor]) -> Value:
        """A linear map, found by running it on unit vectors `[n, *shape]`."""
        size = math.prod(source.shape)
        shape = run(torch.zeros(1, *source.shape[1:], dtype=torch.float64)).shape
        require_small(size * math.prod(shape))
        eye = torch.eye(size, dtype=torch.float64).reshape(size, *source.shape[1:])
        weight = run(eye).reshape(size, -1).T
        node = self.builder.affine(source.node, weight, torch.zeros(len(weight)))
        return Value(node, (1, *shape[1:]))


Rule = Callable[[Reading, Arguments, Options], "Value | Known | list[Value]"]
"""What an operator makes of its arguments."""


def unsupported(name: str, how: str) -> NoBoundError:
    """An operator that is known, in a form that is not."""
    return NoBoundError(
        f"The network uses the ONNX operator {name} {how}. Expected the forms that docs/"
        "verification.md lists. Export the network with these."
    )


def read_onnx(path: str | Path) -> Graph:
    """The graph of a `.onnx` or `.onnx.gz` file.

    Several inputs or outputs are flattened and joined in their order.

    Raises:
        ConfigError: The file is absent or not ONNX.
        NoBoundError: It uses an operator or a shape that is not known; the message names it.
        MissingExtraError: The package onnx is not installed.
    """
    return graph_of(parse_onnx(onnx_bytes(path), str(path)))


def onnx_bytes(path: str | Path) -> bytes:
    """The bytes of a model, decompressed where the name ends in .gz."""
    try:
        return file_bytes(Path(path))
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}. Expected an ONNX file, or one packed by gzip. "
            "Check the path."
        ) from error


def parse_onnx(data: bytes, origin: str) -> Any:
    """The model of some bytes."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError(
            "The package onnx is not installed. Expected it for reading ONNX files. "
            "Type `pip install 'daneel[verify]'`."
        ) from error
    reason = "it has no inputs, outputs or nodes"
    try:
        model = onnx.load_model_from_string(data)
        if model.graph.input and model.graph.output and model.graph.node:
            return model
    except Exception as error:  # protobuf raises classes of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    raise ConfigError(
        f"{origin} is not a valid ONNX model: {reason}. Expected a model file. Export it again."
    )


def graph_of(model: Any) -> Graph:
    """The graph of a loaded ONNX model, for one input at a time.

    A first axis is the batch, whatever size it was exported with; where the network then makes no
    sense, and that axis has a size, it is part of the input.
    """
    try:
        return _graph(model, batched=True)
    except NoBoundError:
        if not any(_fixed(item) for item in model.graph.input):
            raise
        try:
            return _graph(model, batched=False)
        except NoBoundError:
            pass
        raise


def _fixed(item: Any) -> bool:
    """Whether the first axis has a size above 1."""
    dims = item.type.tensor_type.shape.dim
    return len(dims) > 1 and dims[0].dim_value > 1


def _graph(model: Any, batched: bool) -> Graph:
    from onnx import numpy_helper

    graph = model.graph
    values: dict[str, Value | Known] = {
        item.name: numpy_helper.to_array(item) for item in graph.initializer
    }
    inputs = [item for item in graph.input if item.name not in values]
    shapes = [_shape(item, batched) for item in inputs]
    sizes = [math.prod(shape) for shape in shapes]
    builder = Builder(sum(sizes))
    starts = np.cumsum([0, *sizes])
    for item, shape, start, size in zip(inputs, shapes, starts, sizes, strict=False):
        index = torch.arange(int(start), int(start) + size)
        values[item.name] = Value(builder.gather(0, index), shape)
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=13)
    reading = Reading(builder, values, opset)
    for node in graph.node:
        _translate(reading, node)
    outputs = [values.get(item.name) for item in graph.output]
    if not all(isinstance(value, Value) for value in outputs):
        raise NoBoundError(
            "The network's output does not depend on its input. Expected a function of the input. "
            "Export it again."
        )
    joined = builder.concat(*(value.node for value in outputs if isinstance(value, Value)))
    return builder.graph(joined)


def _shape(item: Any, batched: bool) -> tuple[int, ...]:
    dims = item.type.tensor_type.shape.dim
    shape = [dim.dim_value if dim.dim_value > 0 else 1 for dim in dims]
    if len(shape) > 1 and batched:
        shape[0] = 1
    return tuple(shape)


def _translate(reading: Reading, node: Any) -> None:
    from onnx import helper

    from daneel.alignment.verification import onnx_operators
    from daneel.alignment.verification.onnx_moves import positions_of

    missing = [name for name in node.input if name and name not in reading.values]
    if missing:
        raise ConfigError(
            f"The ONNX node {node.op_type} reads {missing[0]!r}, which nothing before it gives. "
            "Expected nodes in order. Export the network again."
        )
    arguments = [reading.values[name] if name else None for name in node.input]
    if not any(isinstance(argument, Value) for argument in arguments):
        for name, value in zip(node.output, _constant(reading, node, arguments), strict=False):
            reading.values[name] = value
        return
    rule = onnx_operators.RULES.get(node.op_type)
    if rule is None or node.domain not in ("", "ai.onnx"):
        known = ", ".join(sorted(onnx_operators.RULES))
        raise NoBoundError(
            f"The network uses the ONNX operator {node.op_type}, for which no bound is known. "
            f"Known are {known}. Export the network with these."
        )
    options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    reading.results = len(node.output)
    try:
        found = rule(reading, arguments, options)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, AttributeError) as error:
        shapes = [np.shape(positions_of(argument)) for argument in arguments]
        raise NoBoundError(
            f"The ONNX operator {node.op_type} cannot be read on {shapes}: {error}. Expected "
            "arguments that fit, for one input at a time. Export the network again."
        ) from error
    results = found if isinstance(found, list) else [found]
    for name, value in zip(node.output, results, strict=False):
        reading.values[name] = value


def _constant(reading: Reading, node: Any, arguments: Sequence[Any]) -> Sequence[Known]:
    """What a node of constants gives, by ONNX's own reference."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.input if name]
    graph = helper.make_graph(
        [node],
        "constant",
        [helper.make_empty_tensor_value_info(name) for name in names],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", reading.opset)])
    given = {name: reading.values[name] for name in names}
    found = ReferenceEvaluator(model).run(None, given)
    assert isinstance(found, list)
    return found


def onnx_replay(path: str | Path) -> Replay:
    """Runs the model in onnxruntime, one input at a time, on one thread.

    Raises:
        MissingExtraError: The package onnxruntime is not installed.
    """
    session = _session(path)
    inputs = session.get_inputs()
    shapes = [[n if isinstance(n, int) and n > 0 else 1 for n in item.shape] for item in inputs]
    whole = [math.prod(shape) for shape in shapes]
    batch = 1 if len(shapes[0]) < 2 else shapes[0][0]
    if batch > 1 and read_onnx(path).inputs == sum(whole):  # an axis of the input, no batch
        batch = 1
    sizes = [size // batch for size in whole]

    def run(x: Tensor) -> Tensor:
        found = []
        for row in x:
            given, start = {}, 0
            for item, shape, size in zip(inputs, shapes, sizes, strict=True):
                kind = np.float64 if "double" in item.type else np.float32
                part = row[start : start + size].numpy().astype(kind)
                given[item.name] = np.resize(part, shape)  # a batch of its own size repeats it
                start += size
            values = session.run(None, given)
            found.append(np.concatenate([_first(value, batch) for value in values]))
        return torch.from_numpy(np.stack(found).astype(np.float64))

    return run


def _session(path: str | Path) -> Any:
    """The model in onnxruntime, on one thread."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "The package onnxruntime is not installed. Expected it for running ONNX files. "
            "Type `pip install 'daneel[verify]'`."
        ) from error
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx_bytes(path), settings)


def _first(value: Any, batch: int) -> NDArray[Any]:
    """What a network gives for the first of a batch of equal inputs."""
    flat = np.asarray(value).reshape(-1)
    return flat[: len(flat) // batch]
