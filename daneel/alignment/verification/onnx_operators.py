"""The ONNX operators that are known, one rule each: arguments and attributes to a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.functions import Function
from daneel.alignment.verification.norms import layer_norm
from daneel.alignment.verification.onnx_graph import Known, Reading, Value

Arguments = Sequence[Any]
Options = Mapping[str, Any]
Rule = Callable[[Reading, Arguments, Options], Value | list[Value]]


# -- arithmetic ----------------------------------------------------------------------------------


def _stretched(reading: Reading, value: Value, shape: tuple[int, ...]) -> Value:
    return reading.moved(value, np.broadcast_to(value.positions, shape))


def _operands(reading: Reading, left: Value | Known, right: Value | Known) -> tuple[Any, Any]:
    """Both in one shape, constants as float64 vectors."""
    shape = np.broadcast_shapes(np.shape(_like(left)), np.shape(_like(right)))

    def fit(value: Value | Known) -> Any:
        if isinstance(value, Value):
            return _stretched(reading, value, shape)
        return torch.from_numpy(np.broadcast_to(value, shape).astype(np.float64).reshape(-1))

    return fit(left), fit(right)


def _like(value: Value | Known) -> Any:
    return value.positions if isinstance(value, Value) else value


def _add(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = _operands(reading, *arguments)
    if not isinstance(left, Value):
        left, right = right, left
    if isinstance(right, Value):
        return Value(reading.builder.add(left.node, right.node), left.shape)
    return Value(reading.builder.shift(left.node, right), left.shape)


def _negated(reading: Reading, value: Any) -> Any:
    if isinstance(value, Value):
        return Value(reading.builder.scale(value.node, -1.0), value.shape)
    return -value


def _subtract(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = arguments
    return _add(reading, (left, _negated(reading, right)), options)


def _multiply(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = _operands(reading, *arguments)
    if not isinstance(left, Value):
        left, right = right, left
    if isinstance(right, Value):
        return Value(reading.builder.product(left.node, right.node), left.shape)
    return Value(reading.builder.scale(left.node, right), left.shape)


def _divide(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = arguments
    if isinstance(right, Value):
        raise _unsupported("Div", "by a value that depends on the input")
    return _multiply(reading, (left, 1 / np.asarray(right, dtype=np.float64)), options)


def _power(reading: Reading, arguments: Arguments, options: Options) -> Value:
    value, exponent = arguments
    if isinstance(exponent, Value) or not isinstance(value, Value) or np.any(exponent != 2):
        raise _unsupported("Pow", "other than the square")
    return Value(reading.builder.product(value.node, value.node), value.shape)


def _negate(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _negated(reading, arguments[0])


# -- linear maps ---------------------------------------------------------------------------------


def _matmul(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = arguments
    if isinstance(left, Value) and isinstance(right, Value):
        raise _unsupported("MatMul", "of two values that depend on the input")
    if isinstance(left, Value):
        weight = torch.from_numpy(np.asarray(right, dtype=np.float64))
        if weight.ndim == 2 and math.prod(left.shape) == weight.shape[0]:
            node = reading.builder.affine(left.node, weight.T, torch.zeros(weight.shape[1]))
            return Value(node, (*left.shape[:-1], weight.shape[1]))
        return _map(reading, left, lambda x: x @ weight)
    weight = torch.from_numpy(np.asarray(left, dtype=np.float64))
    return _map(reading, right, lambda x: weight @ x)


def _map(reading: Reading, source: Value, run: Callable[[Tensor], Tensor]) -> Value:
    """A linear map of the whole tensor, run on unit tensors one by one under vmap."""
    size = math.prod(source.shape)
    eye = torch.eye(size, dtype=torch.float64).reshape(size, *source.shape)
    found = torch.vmap(run)(eye)  # [n, *shape]
    weight = found.reshape(size, -1).T
    node = reading.builder.affine(source.node, weight, torch.zeros(len(weight)))
    return Value(node, tuple(found.shape[1:]))


def _gemm(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, weight = arguments[:2]
    if isinstance(weight, Value) or not isinstance(source, Value) or options.get("transA", 0):
        raise _unsupported("Gemm", "other than a value times a constant")
    matrix = torch.from_numpy(np.asarray(weight, dtype=np.float64))
    matrix = (matrix if options.get("transB", 0) else matrix.T) * options.get("alpha", 1.0)
    bias = torch.zeros(len(matrix), dtype=torch.float64)
    if len(arguments) > 2 and arguments[2] is not None:
        shift = np.asarray(arguments[2], dtype=np.float64) * options.get("beta", 1.0)
        bias = torch.from_numpy(np.broadcast_to(shift, (1, len(matrix))).reshape(-1).copy())
    return Value(reading.builder.affine(source.node, matrix, bias), (1, len(matrix)))


def _conv(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, weight = arguments[0], arguments[1]
    if isinstance(weight, Value):
        raise _unsupported("Conv", "with weights that depend on the input")
    kernel = torch.from_numpy(np.asarray(weight, dtype=np.float64))
    rank = kernel.ndim - 2
    if rank not in (1, 2):
        raise _unsupported("Conv", f"over {rank} dimensions")
    run = (F.conv1d, F.conv2d)[rank - 1]
    pads = _pads(options, rank, "Conv")
    strides = list(options.get("strides", [1] * rank))
    dilations = list(options.get("dilations", [1] * rank))
    groups = options.get("group", 1)
    value = reading.linear(
        source, lambda x: run(F.pad(x, pads), kernel, None, strides, 0, dilations, groups)
    )
    if len(arguments) < 3 or arguments[2] is None:
        return value
    bias = np.asarray(arguments[2]).reshape(1, -1, *[1] * rank)
    return _add(reading, (value, bias), {})


def _pads(options: Options, rank: int, name: str) -> list[int]:
    """ONNX's begins and ends in the order of `F.pad`: last dimension first."""
    if options.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise _unsupported(name, "with automatic padding")
    pads = list(options.get("pads", [0] * 2 * rank))
    return [end for axis in reversed(range(rank)) for end in (pads[axis], pads[axis + rank])]


def _average_pool(reading: Reading, arguments: Arguments, options: Options) -> Value:
    kernel = list(options["kernel_shape"])
    if any(options.get("pads", [])) or len(kernel) != 2 or options.get("ceil_mode", 0):
        raise _unsupported("AveragePool", "with padding, or not over two dimensions")
    strides = list(options.get("strides", [1, 1]))
    return reading.linear(arguments[0], lambda x: F.avg_pool2d(x, kernel, strides))


def _global_average(reading: Reading, arguments: Arguments, options: Options) -> Value:
    axes = tuple(range(2, len(arguments[0].shape)))
    return reading.linear(arguments[0], lambda x: x.mean(axes, keepdim=True))


def _reduce(mean: bool) -> Rule:
    def rule(reading: Reading, arguments: Arguments, options: Options) -> Value:
        source = arguments[0]
        given = options.get("axes") if len(arguments) < 2 else arguments[1]
        rank = len(source.shape)
        axes = tuple(int(a) % rank for a in (range(rank) if given is None else np.ravel(given)))
        keep = bool(options.get("keepdims", 1))
        if mean:
            return _map(reading, source, lambda x: x.mean(axes, keepdim=keep))
        return _map(reading, source, lambda x: x.sum(axes, keepdim=keep))

    return rule


def _batch_norm(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, *constants = arguments
    scale, shift, mean, variance = (np.asarray(c, dtype=np.float64) for c in constants)
    factor = scale / np.sqrt(variance + options.get("epsilon", 1e-5))
    rest = [1] * (len(source.shape) - 2)
    scaled = _multiply(reading, (source, factor.reshape(1, -1, *rest)), {})
    return _add(reading, (scaled, (shift - mean * factor).reshape(1, -1, *rest)), {})


def _layer_norm(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, scale = arguments[0], arguments[1]
    axis = options.get("axis", -1) % len(source.shape)
    if math.prod(source.shape[axis:]) != math.prod(source.shape):
        raise _unsupported("LayerNormalization", "over less than the whole vector")
    shift = arguments[2] if len(arguments) > 2 else None
    node = layer_norm(
        reading.builder,
        source.node,
        torch.from_numpy(np.array(scale, dtype=np.float64)),
        None if shift is None else torch.from_numpy(np.array(shift, dtype=np.float64)),
        options.get("epsilon", 1e-5),
    )
    return Value(node, source.shape)


# -- moving numbers ------------------------------------------------------------------------------


def _reshape(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, shape = arguments
    if isinstance(shape, Value):
        raise _unsupported("Reshape", "to a shape that depends on the input")
    wanted = [source.shape[k] if n == 0 else int(n) for k, n in enumerate(np.ravel(shape))]
    total = math.prod(source.shape)
    if -1 not in wanted and math.prod(wanted) != total and wanted:
        wanted[0] = 1  # a batch size that was exported as a number
    return Value(source.node, source.positions.reshape(wanted).shape)


def _flatten(reading: Reading, arguments: Arguments, options: Options) -> Value:
    (source,) = arguments
    axis = options.get("axis", 1) % (len(source.shape) + 1)
    return Value(source.node, (math.prod(source.shape[:axis]), math.prod(source.shape[axis:])))


def _transpose(reading: Reading, arguments: Arguments, options: Options) -> Value:
    (source,) = arguments
    return reading.moved(source, source.positions.transpose(options.get("perm")))


def _squeeze(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source = arguments[0]
    axes = options.get("axes") if len(arguments) < 2 else arguments[1]
    axis = None if axes is None else tuple(int(a) for a in np.ravel(axes))
    return Value(source.node, source.positions.squeeze(axis).shape)


def _unsqueeze(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source = arguments[0]
    axes = options["axes"] if len(arguments) < 2 else arguments[1]
    axis = tuple(int(a) for a in np.ravel(axes))
    return Value(source.node, np.expand_dims(source.positions, axis).shape)


def _concat(reading: Reading, arguments: Arguments, options: Options) -> Value:
    axis = options["axis"]
    nodes, places, start = [], [], 0
    for argument in arguments:
        if isinstance(argument, Value):
            nodes.append(argument.node)
            places.append(argument.positions + start)
        else:
            nodes.append(_constant_node(reading, argument))
            places.append(np.arange(np.size(argument)).reshape(np.shape(argument)) + start)
        start += places[-1].size
    positions = np.concatenate(places, axis)
    joined = Value(reading.builder.concat(*nodes), (start,))
    return reading.moved(joined, positions)


def _constant_node(reading: Reading, constant: Known) -> int:
    """A constant as a node: zero times the input, plus it."""
    bias = torch.from_numpy(np.asarray(constant, dtype=np.float64).reshape(-1).copy())
    zero = torch.zeros(len(bias), reading.builder.size(0), dtype=torch.float64)
    return reading.builder.affine(0, zero, bias)


def _slice(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source = arguments[0]
    given = [*arguments[1:], None, None, None, None][:4]
    if len(arguments) < 2:  # before opset 10
        given = [options["starts"], options["ends"], options.get("axes"), None]
    starts, ends = (np.ravel(np.asarray(value)).tolist() for value in given[:2])
    axes = list(range(len(starts))) if given[2] is None else np.ravel(given[2]).tolist()
    steps = [1] * len(starts) if given[3] is None else np.ravel(given[3]).tolist()
    where: list[slice] = [slice(None)] * len(source.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        last = None if step < 0 and end < -(2**31) else int(end)
        where[int(axis)] = slice(int(start), last, int(step))
    return reading.moved(source, source.positions[tuple(where)])


def _split(reading: Reading, arguments: Arguments, options: Options) -> list[Value]:
    source = arguments[0]
    axis = options.get("axis", 0)
    sizes = options.get("split") if len(arguments) < 2 else arguments[1]
    if sizes is None:
        count = options.get("num_outputs", 2)
        parts = np.array_split(source.positions, count, axis)
    else:
        parts = np.split(source.positions, np.cumsum(sizes)[:-1], axis)
    return [reading.moved(source, part) for part in parts]


def _take(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, index = arguments
    if isinstance(index, Value) or not isinstance(source, Value):
        raise _unsupported("Gather", "with an index that depends on the input")
    taken = np.take(source.positions, np.asarray(index), options.get("axis", 0))
    return reading.moved(source, np.asarray(taken))


def _keep(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return arguments[0]


# -- functions -----------------------------------------------------------------------------------


def _function(function: Function) -> Rule:
    return lambda reading, arguments, options: _applied(reading, arguments[0], function)


def _applied(reading: Reading, value: Value, function: Function) -> Value:
    return Value(reading.builder.apply(value.node, function), value.shape)


def _leaky_relu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _applied(reading, arguments[0], functions.leaky_relu(options.get("alpha", 0.01)))


def _elu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _applied(reading, arguments[0], functions.elu(options.get("alpha", 1.0)))


def _gelu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    if options.get("approximate", b"none") != b"none":
        raise _unsupported("Gelu", "approximated by tanh")
    return _applied(reading, arguments[0], functions.GELU)


def _clip(reading: Reading, arguments: Arguments, options: Options) -> Value:
    ends = [options.get("min", -math.inf), options.get("max", math.inf)]
    for place, end in enumerate(arguments[1:3]):
        if isinstance(end, Value):
            raise _unsupported("Clip", "to ends that depend on the input")
        ends[place] = ends[place] if end is None else float(end)
    return _applied(reading, arguments[0], functions.clip(*ends))


def _unsupported(name: str, how: str) -> NoBoundError:
    return NoBoundError(
        f"The network uses the ONNX operator {name} {how}. Expected the forms that docs/"
        "verification.md lists. Export the network with these."
    )


RULES: dict[str, Rule] = {
    "Abs": _function(functions.ABSOLUTE),
    "Add": _add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _keep,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _divide,
    "Dropout": _keep,
    "Elu": _elu,
    "Exp": _function(functions.EXP),
    "Flatten": _flatten,
    "Gather": _take,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average,
    "Identity": _keep,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Mul": _multiply,
    "Neg": _negate,
    "Pow": _power,
    "ReduceMean": _reduce(mean=True),
    "ReduceSum": _reduce(mean=False),
    "Relu": _function(functions.RELU),
    "Reshape": _reshape,
    "Sigmoid": _function(functions.SIGMOID),
    "Slice": _slice,
    "Softplus": _function(functions.SOFTPLUS),
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _subtract,
    "Tanh": _function(functions.TANH),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""What is known, by ONNX's name."""
