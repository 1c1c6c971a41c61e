"""ONNX operators that only move numbers: run on an array of positions, they become one `Gather`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daneel.alignment.verification.onnx_graph import (
    Arguments,
    Known,
    Options,
    Reading,
    Rule,
    Value,
    unsupported,
)


def _reshape(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, shape = arguments
    if isinstance(shape, Value):
        raise unsupported("Reshape", "to a shape that depends on the input")
    wanted = [int(n) for n in np.ravel(shape)]
    if not options.get("allowzero", 0):
        wanted = [source.shape[k] if n == 0 else n for k, n in enumerate(wanted)]
    total = math.prod(source.shape)
    if -1 not in wanted and math.prod(wanted) != total and wanted:
        wanted[0] = 1  # a batch size that was exported as a number
    return Value(source.node, source.positions.reshape(wanted).shape)


def _flatten(reading: Reading, arguments: Arguments, options: Options) -> Value:
    (source,) = arguments
    rank, axis = len(source.shape), options.get("axis", 1)
    axis = axis + rank if axis < 0 else axis
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


def _shape(reading: Reading, arguments: Arguments, options: Options) -> Known:
    shape = arguments[0].shape
    return np.array(shape[slice(options.get("start", 0), options.get("end"))], dtype=np.int64)


def _expand(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, shape = arguments
    if isinstance(shape, Value):
        raise unsupported("Expand", "to a shape that depends on the input")
    wanted = np.broadcast_shapes(source.shape, tuple(int(n) for n in np.ravel(shape)))
    return reading.moved(source, np.broadcast_to(source.positions, wanted))


def _concat(reading: Reading, arguments: Arguments, options: Options) -> Value:
    nodes, places, start = [], [], 0
    for argument in arguments:
        if isinstance(argument, Value):
            nodes.append(argument.node)
            places.append(argument.positions + start)
        else:
            nodes.append(constant_node(reading, argument))
            places.append(np.arange(np.size(argument)).reshape(np.shape(argument)) + start)
        start += places[-1].size
    positions = np.concatenate(places, options["axis"])
    return reading.moved(Value(reading.builder.concat(*nodes), (start,)), positions)


def constant_node(reading: Reading, constant: Known) -> int:
    """A constant as a node: zero times the input, plus it."""
    bias = torch.from_numpy(np.array(constant, dtype=np.float64).reshape(-1))
    zero = torch.zeros(len(bias), reading.builder.size(0), dtype=torch.float64)
    return reading.builder.affine(0, zero, bias)


def padded(
    reading: Reading, source: Value, pads: Sequence[tuple[int, int]], constant: float
) -> Value:
    """The value inside a frame of a constant; `pads` begins and ends for each axis."""
    frame = np.pad(source.positions + 1, pads)  # 0 stands for the frame
    if not (frame == 0).any():
        return reading.moved(source, frame - 1)
    outside = constant_node(reading, np.array([constant]))
    joined = Value(reading.builder.concat(outside, source.node), (1 + math.prod(source.shape),))
    return reading.moved(joined, frame)


def _pad(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source = arguments[0]
    given: Any = options["pads"] if len(arguments) < 2 else arguments[1]
    constant: Any = options.get("value", 0.0) if len(arguments) < 3 else arguments[2]
    axes = range(len(source.shape)) if len(arguments) < 4 else np.ravel(arguments[3])
    if isinstance(given, Value) or isinstance(constant, Value):
        raise unsupported("Pad", "by what depends on the input")
    if options.get("mode", b"constant") != b"constant":
        raise unsupported("Pad", "other than by a constant")
    pads, amounts = [(0, 0)] * len(source.shape), [int(n) for n in np.ravel(given)]
    if min(amounts) < 0:
        raise unsupported("Pad", "by a negative amount")
    half = len(amounts) // 2
    for axis, begin, end in zip(axes, amounts[:half], amounts[half:], strict=True):
        pads[int(axis)] = (begin, end)
    return padded(reading, source, pads, 0.0 if constant is None else float(np.ravel(constant)[0]))


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
        parts = _chunks(source.positions, options.get("num_outputs", reading.results), axis)
    else:
        parts = np.split(source.positions, np.cumsum(sizes)[:-1], axis)
    return [reading.moved(source, part) for part in parts]


def _chunks(positions: NDArray[np.int64], count: int, axis: int) -> list[NDArray[np.int64]]:
    """As ONNX divides: all of one size, the last one smaller."""
    size = -(-positions.shape[axis] // count)
    return np.split(positions, range(size, positions.shape[axis], size), axis)


def _take(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, index = arguments
    if isinstance(index, Value) or not isinstance(source, Value):
        raise unsupported("Gather", "with an index that depends on the input")
    taken = np.take(source.positions, np.asarray(index), options.get("axis", 0))
    return reading.moved(source, np.asarray(taken))


def _keep(reading: Reading, arguments: Arguments, options: Options) -> Value:
    return arguments[0]


def _cast(reading: Reading, arguments: Arguments, options: Options) -> Value:
    from onnx import TensorProto

    if options["to"] not in (TensorProto.FLOAT, TensorProto.DOUBLE):
        raise unsupported("Cast", "to something that is not float32 or float64")
    return arguments[0]


def _dropout(reading: Reading, arguments: Arguments, options: Options) -> Value:
    training = arguments[2] if len(arguments) > 2 else None
    if training is not None and (isinstance(training, Value) or bool(np.any(training))):
        raise unsupported("Dropout", "in training mode")
    return arguments[0]


RULES: dict[str, Rule] = {
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _take,
    "Identity": _keep,
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""What is known, by ONNX's name."""


def positions_of(argument: Any) -> Any:
    """What broadcasting looks at: a value's positions, or the constant."""
    return argument.positions if isinstance(argument, Value) else argument
