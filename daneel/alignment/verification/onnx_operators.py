"""The ONNX operators that are known, one rule each: arguments and attributes to a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daneel.alignment.verification import functions, onnx_moves, onnx_windows
from daneel.alignment.verification.functions import Function
from daneel.alignment.verification.norms import layer_norm
from daneel.alignment.verification.onnx_graph import (
    Arguments,
    Known,
    Options,
    Reading,
    Rule,
    Value,
    unsupported,
)
from daneel.alignment.verification.onnx_moves import constant_node, positions_of
from daneel.alignment.verification.onnx_windows import larger

# -- arithmetic ----------------------------------------------------------------------------------


def _stretched(reading: Reading, value: Value, shape: tuple[int, ...]) -> Value:
    return reading.moved(value, np.broadcast_to(value.positions, shape))


def _operands(reading: Reading, left: Value | Known, right: Value | Known) -> tuple[Any, Any]:
    """Both in one shape, constants as float64 vectors."""
    shape = np.broadcast_shapes(np.shape(positions_of(left)), np.shape(positions_of(right)))

    def fit(value: Value | Known) -> Any:
        if isinstance(value, Value):
            return _stretched(reading, value, shape)
        return torch.from_numpy(np.broadcast_to(value, shape).astype(np.float64).reshape(-1))

    return fit(left), fit(right)


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
        inverse = Value(reading.builder.apply(right.node, functions.RECIPROCAL), right.shape)
        return _multiply(reading, (left, inverse), options)
    with np.errstate(divide="ignore"):  # infinite weights are refused by name
        return _multiply(reading, (left, 1 / np.asarray(right, dtype=np.float64)), options)


def _sum(reading: Reading, arguments: Arguments, options: Options) -> Value:
    total: Any = arguments[0]
    for argument in arguments[1:]:
        if not isinstance(total, Value) and not isinstance(argument, Value):
            total = total + argument
        else:
            total = _add(reading, (total, argument), {})
    return total


def _largest(sign: float) -> Rule:
    """Max, or Min as what is largest of the negated."""

    def rule(reading: Reading, arguments: Arguments, options: Options) -> Value:
        first, *others = (_signed(reading, argument, sign) for argument in arguments)
        for other in others:
            left, right = _operands(reading, first, other)
            shape = left.shape if isinstance(left, Value) else right.shape
            nodes = [_node(reading, side) for side in (left, right)]
            first = Value(larger(reading.builder, *nodes), shape)
        return _signed(reading, first, sign)

    return rule


def _signed(reading: Reading, value: Any, sign: float) -> Any:
    return value if sign > 0 else _negated(reading, value)


def _node(reading: Reading, value: Any) -> int:
    return value.node if isinstance(value, Value) else constant_node(reading, value.numpy())


def _power(reading: Reading, arguments: Arguments, options: Options) -> Value:
    value, exponent = arguments
    if isinstance(exponent, Value) or not isinstance(value, Value) or np.any(exponent != 2):
        raise unsupported("Pow", "other than the square")
    return Value(reading.builder.product(value.node, value.node), value.shape)


def _negate(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _negated(reading, arguments[0])


# -- linear maps ---------------------------------------------------------------------------------


def _matmul(reading: Reading, arguments: Arguments, options: Options) -> Value:
    left, right = arguments
    if isinstance(left, Value) and isinstance(right, Value):
        raise unsupported("MatMul", "of two values that depend on the input")
    if isinstance(left, Value):
        weight = torch.from_numpy(np.array(right, dtype=np.float64))
        if weight.ndim == 2 and math.prod(left.shape) == weight.shape[0]:
            node = reading.builder.affine(left.node, weight.T, torch.zeros(weight.shape[1]))
            return Value(node, (*left.shape[:-1], weight.shape[1]))
        return _map(reading, left, lambda x: x @ weight)
    weight = torch.from_numpy(np.array(left, dtype=np.float64))
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
    left, right = (
        _turned(reading, side, options.get(key, 0))
        for side, key in zip(arguments[:2], ("transA", "transB"), strict=True)
    )
    alpha, beta = options.get("alpha", 1.0), options.get("beta", 1.0)
    if isinstance(left, Value) and isinstance(right, Value):
        raise unsupported("Gemm", "of two values that depend on the input")
    if isinstance(left, Value):
        right = alpha * np.asarray(right, dtype=np.float64)
    else:
        left = alpha * np.asarray(left, dtype=np.float64)
    product = _matmul(reading, (left, right), {})
    if len(arguments) < 3 or arguments[2] is None:
        return product
    shift = arguments[2]
    if isinstance(shift, Value):
        return _add(reading, (product, _multiply(reading, (shift, np.array(beta)), {})), {})
    return _add(reading, (product, beta * np.asarray(shift, dtype=np.float64)), {})


def _turned(reading: Reading, side: Value | Known, turn: int) -> Value | Known:
    if not turn:
        return side
    return reading.moved(side, side.positions.T) if isinstance(side, Value) else side.T


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
    """In the order of its definition: one factor and one shift would hide how large the mean is."""
    if options.get("training_mode", 0):
        raise unsupported("BatchNormalization", "in training mode")
    source, *constants = arguments
    shape = (1, -1, *[1] * (len(source.shape) - 2))
    scale, shift, mean, variance = (
        np.asarray(c, dtype=np.float64).reshape(shape) for c in constants
    )
    centred = _add(reading, (source, -mean), {})
    factor = scale / np.sqrt(variance + options.get("epsilon", 1e-5))
    return _add(reading, (_multiply(reading, (centred, factor), {}), shift), {})


def _layer_norm(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, scale = arguments[0], arguments[1]
    axis = options.get("axis", -1) % len(source.shape)
    if math.prod(source.shape[axis:]) != math.prod(source.shape):
        raise unsupported("LayerNormalization", "over less than the whole vector")
    shift = arguments[2] if len(arguments) > 2 else None
    node = layer_norm(
        reading.builder,
        source.node,
        torch.from_numpy(np.array(scale, dtype=np.float64)),
        None if shift is None else torch.from_numpy(np.array(shift, dtype=np.float64)),
        options.get("epsilon", 1e-5),
    )
    return Value(node, source.shape)


# -- functions -----------------------------------------------------------------------------------


def _function(function: Function) -> Rule:
    return lambda reading, arguments, options: _applied(reading, arguments[0], function)


def _applied(reading: Reading, value: Value, function: Function) -> Value:
    return Value(reading.builder.apply(value.node, function), value.shape)


def _leaky_relu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _applied(reading, arguments[0], functions.leaky_relu(options.get("alpha", 0.01)))


def _prelu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    """X slope + relu(x) (1 - slope)."""
    source, slope = arguments
    if isinstance(slope, Value) or not isinstance(source, Value):
        raise unsupported("PRelu", "with slopes that depend on the input")
    bent = _multiply(reading, (_applied(reading, source, functions.RELU), 1.0 - slope), {})
    return _add(reading, (_multiply(reading, (source, slope), {}), bent), {})


def _hard_sigmoid(reading: Reading, arguments: Arguments, options: Options) -> Value:
    scaled = _multiply(reading, (arguments[0], np.array(options.get("alpha", 0.2))), {})
    shifted = _add(reading, (scaled, np.array(options.get("beta", 0.5))), {})
    return _applied(reading, shifted, functions.clip(0.0, 1.0))


def _elu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return _applied(reading, arguments[0], functions.elu(options.get("alpha", 1.0)))


def _gelu(reading: Reading, arguments: Arguments, options: Options) -> Value:
    if options.get("approximate", b"none") != b"none":
        raise unsupported("Gelu", "approximated by tanh")
    return _applied(reading, arguments[0], functions.GELU)


def _clip(reading: Reading, arguments: Arguments, options: Options) -> Value:
    ends = [options.get("min", -math.inf), options.get("max", math.inf)]
    for place, end in enumerate(arguments[1:3]):
        if isinstance(end, Value):
            raise unsupported("Clip", "to ends that depend on the input")
        ends[place] = ends[place] if end is None else float(end)
    return _applied(reading, arguments[0], functions.clip(*ends))


RULES: dict[str, Rule] = {
    **onnx_moves.RULES,
    **onnx_windows.RULES,
    "Abs": _function(functions.ABSOLUTE),
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Div": _divide,
    "Elu": _elu,
    "Exp": _function(functions.EXP),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": _hard_sigmoid,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _largest(1.0),
    "Min": _largest(-1.0),
    "Mul": _multiply,
    "Neg": _negate,
    "PRelu": _prelu,
    "Pow": _power,
    "ReduceMean": _reduce(mean=True),
    "ReduceSum": _reduce(mean=False),
    "Relu": _function(functions.RELU),
    "Sigmoid": _function(functions.SIGMOID),
    "Softplus": _function(functions.SOFTPLUS),
    "Sqrt": _function(functions.ROOT),
    "Sub": _subtract,
    "Sum": _sum,
    "Tanh": _function(functions.TANH),
}
"""What is known, by ONNX's name."""
