"""ONNX operators over windows: convolutions and pools, of one or two dimensions, batch 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.onnx_graph import (
    Arguments,
    Options,
    Reading,
    Rule,
    Value,
    unsupported,
)


def _conv(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, weight = arguments[0], arguments[1]
    if isinstance(weight, Value) or not isinstance(source, Value):
        raise unsupported("Conv", "with weights that depend on the input")
    kernel = torch.from_numpy(np.array(weight, dtype=np.float64))
    rank = kernel.ndim - 2
    if rank not in (1, 2):
        raise unsupported("Conv", f"over {rank} dimensions")
    run = (F.conv1d, F.conv2d)[rank - 1]
    strides = list(options.get("strides", [1] * rank))
    dilations = list(options.get("dilations", [1] * rank))
    pads = _pads(options, source.shape[2:], list(kernel.shape[2:]), strides, dilations)
    ends = [end for pair in reversed(pads) for end in pair]  # `F.pad` has the last axis first
    groups = options.get("group", 1)
    value = reading.linear(
        source, lambda x: run(F.pad(x, ends), kernel, None, strides, 0, dilations, groups)
    )
    if len(arguments) < 3 or arguments[2] is None:
        return value
    bias = torch.from_numpy(np.array(arguments[2], dtype=np.float64))
    each = bias.repeat_interleave(math.prod(value.shape) // len(bias))
    return Value(reading.builder.shift(value.node, each), value.shape)


def _pads(
    options: Options,
    sizes: tuple[int, ...],
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
) -> list[tuple[int, int]]:
    """Begin and end for each axis."""
    rank, auto = len(kernel), options.get("auto_pad", b"NOTSET")
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        found = []
        for size, wide, stride, apart in zip(sizes, kernel, strides, dilations, strict=True):
            outputs = -(-size // stride)
            missing = max((outputs - 1) * stride + (wide - 1) * apart + 1 - size, 0)
            less, more = missing // 2, missing - missing // 2
            found.append((less, more) if auto == b"SAME_UPPER" else (more, less))
        return found
    given = [0] * 2 * rank if auto == b"VALID" else list(options.get("pads", [0] * 2 * rank))
    return list(zip(given[:rank], given[rank:], strict=True))


def _windows(source: Value, options: Options) -> Any:
    """The flat positions that each window sees, `[k, 1, C, ...]`; -1 is the frame."""
    kernel = list(options["kernel_shape"])
    rank = len(kernel)
    strides = list(options.get("strides", [1] * rank))
    dilations = list(options.get("dilations", [1] * rank))
    if options.get("ceil_mode", 0):
        raise unsupported("a pool", "that rounds its size up")
    pads = _pads(options, source.shape[2:], kernel, strides, dilations)
    framed = np.pad(source.positions, [(0, 0), (0, 0), *pads], constant_values=-1)
    sizes = [
        (full - (wide - 1) * apart - 1) // stride + 1
        for full, wide, apart, stride in zip(
            framed.shape[2:], kernel, dilations, strides, strict=True
        )
    ]
    found = []
    for offset in np.ndindex(*kernel):
        cut = tuple(
            slice(o * apart, o * apart + (size - 1) * stride + 1, stride)
            for o, apart, size, stride in zip(offset, dilations, sizes, strides, strict=True)
        )
        found.append(framed[(slice(None), slice(None), *cut)])
    return np.stack(found)


def _average_pool(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, windows = arguments[0], _windows(arguments[0], options)
    framed = options.get("count_include_pad", 0)
    flat = windows.reshape(len(windows), -1)
    count = np.full(flat.shape[1], len(flat)) if framed else (flat >= 0).sum(0)
    weight = torch.zeros(flat.shape[1], math.prod(source.shape), dtype=torch.float64)
    for seen in flat:
        rows = np.flatnonzero(seen >= 0)
        weight[rows, seen[rows]] += torch.from_numpy(1 / count[rows])
    node = reading.builder.affine(source.node, weight, torch.zeros(len(weight)))
    return Value(node, windows.shape[1:])


def _max_pool(reading: Reading, arguments: Arguments, options: Options) -> Value:
    source, windows = arguments[0], _windows(arguments[0], options)
    first = windows.max(0)  # any place that is no frame stands in for the frame
    parts = [np.where(seen < 0, first, seen) for seen in windows]
    nodes = [reading.moved(source, part).node for part in parts]
    while len(nodes) > 1:  # a tournament
        pairs = [larger(reading.builder, *nodes[k : k + 2]) for k in range(0, len(nodes) - 1, 2)]
        nodes = pairs + nodes[len(pairs) * 2 :]
    return Value(nodes[0], windows.shape[1:])


def larger(builder: Builder, left: int, right: int) -> int:
    """max(left, right) = left + relu(right - left)."""
    if left == right:
        return left
    return builder.add(left, builder.apply(less(builder, right, left), functions.RELU))


def less(builder: Builder, left: int, right: int) -> int:
    """Left - right."""
    return builder.add(left, builder.scale(right, -1.0))


def _global_average(reading: Reading, arguments: Arguments, options: Options) -> Value:
    axes = tuple(range(2, len(arguments[0].shape)))
    return reading.linear(arguments[0], lambda x: x.mean(axes, keepdim=True))


RULES: dict[str, Rule] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "GlobalAveragePool": _global_average,
    "MaxPool": _max_pool,
}
"""What is known, by ONNX's name."""
