"""What a state can become: over k steps, and over any number of them.

`reach` goes on from box to box; within a window of steps the graph is unrolled, so that what the
steps share is not forgotten. `invariant` looks for a box that no step leaves: memories fade, so
boxes grow less and less; where they are heading is guessed from how they grow (Aitken 1926), and a
guess counts only when one step from it is proved to stay inside. Memories that turn what they hold
(retention, the delta rule, RWKV-7) shrink no box and have none; `reach` bounds them.

Legend: N boxes (1), D inputs, S numbers of a state, A outputs, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.rounding import Bounds, NoBoundError
from daneel.alignment.verification.bounds import Method, output_bounds
from daneel.alignment.verification.graph import Builder, Graph
from daneel.alignment.verification.recurrent.step import RecurrentStep
from daneel.alignment.verification.torch_modules import from_torch

ROUNDS = 12
"""Guesses at an invariant."""
_MARGIN = 1e-2
"""Share by which a guess is larger than where the boxes seem to be heading."""


@dataclass(frozen=True)
class Reach:
    """Bounds of state and output, step by step, for every sequence of inputs in the box."""

    low: Tensor
    """States `[T + 1, S]`, float64; the first is the start."""
    high: Tensor
    """`[T + 1, S]`."""
    output_low: Tensor
    """Outputs `[T, A]`."""
    output_high: Tensor
    """`[T, A]`."""


def reach(
    step: RecurrentStep,
    inputs: Bounds,
    start: Bounds,
    steps: int,
    window: int = 1,
    method: Method = "crown",
) -> Reach:
    """Bounds over `steps` steps from a box of states, whatever the inputs are at each.

    Args:
        step: The network.
        inputs: Low and high corner `[D]`.
        start: Low and high corner `[S]`.
        steps: T.
        window: Steps that are bounded together: tighter, and dearer with its square.
        method: How.

    Raises:
        NoBoundError: A layer is not known, or values may overflow.
    """
    outputs = _outputs(step)
    states, seen = [start], []
    for begin in range(0, steps, window):
        many = min(window, steps - begin)
        corners = [
            torch.cat([end.double().repeat(many), state.double()])
            for end, state in zip(inputs, states[-1], strict=True)
        ]
        found = output_bounds(unrolled(step, many), *corners, method)
        parts = [end[0].reshape(many, outputs + step.state_size) for end in found]
        for low, high in zip(*parts, strict=True):
            seen.append((low[:outputs], high[:outputs]))
            states.append((low[outputs:], high[outputs:]))
    return Reach(*_stacked(states), *_stacked(seen))


def unrolled(step: RecurrentStep, steps: int) -> Graph:
    """The graph from inputs `[T, D]` and a state to outputs and states `[T, A + S]`."""
    width, size = step.inputs, step.state_size
    builder = Builder(steps * width + size)
    state = builder.gather(0, torch.arange(steps * width, steps * width + size))
    found = []
    for k in range(steps):
        x = builder.gather(0, torch.arange(k * width, (k + 1) * width))
        found.append(step.to_graph(builder, builder.concat(x, state)))
        last = builder.size(found[-1])
        state = builder.gather(found[-1], torch.arange(last - size, last))
    return builder.graph(builder.concat(*found))


def invariant(
    step: RecurrentStep, inputs: Bounds, start: Bounds, method: Method = "crown"
) -> Bounds | None:
    """A box of states that holds `start` and that no step leaves, `[S]` each; None if not found.

    Every sequence of inputs in the box, however long, keeps the state inside: a property proved for
    all states of the box and all inputs holds for ever.
    """
    box = start[0].double(), start[1].double()
    try:
        for _ in range(ROUNDS):
            image = _image(step, inputs, box, method)
            if _inside(image, box):
                return _shrunk(step, inputs, start, image, method)
            once = _hull(box, image)
            twice = _hull(once, _image(step, inputs, once, method))
            box = _extrapolated(box, once, twice)
    except NoBoundError:
        return None
    return None


def _image(step: RecurrentStep, inputs: Bounds, box: Bounds, method: Method) -> Bounds:
    """The states after one step."""
    corners = [torch.cat([x.double(), s]) for x, s in zip(inputs, box, strict=True)]
    found = output_bounds(from_torch(step, len(corners[0])), *corners, method)
    low, high = (end[0, -step.state_size :] for end in found)
    return low, high


def _shrunk(
    step: RecurrentStep, inputs: Bounds, start: Bounds, image: Bounds, method: Method
) -> Bounds:
    """A smaller invariant: the hull of the start and of what an invariant's image has of it.

    Let B' be that hull within the invariant B. It steps into the image of B and into B, so into B'.
    """
    box = _hull(start, image)
    for _ in range(2):
        low, high = _image(step, inputs, box, method)
        box = _hull(start, (torch.maximum(low, box[0]), torch.minimum(high, box[1])))
    return box


def _extrapolated(before: Bounds, once: Bounds, twice: Bounds) -> Bounds:
    """Where two growths in a row lead if each goes on by its own ratio, and a little more."""
    ends = []
    for sign, a, b, c in zip((-1, 1), before, once, twice, strict=True):
        first, second = sign * (b - a), sign * (c - b)
        ratio = (second / first.clamp(min=1e-300)).clamp(0, 0.9999)
        ratio = torch.where(first > 0, ratio, torch.zeros_like(ratio))
        ends.append(c + sign * ((1 + _MARGIN) * second * ratio / (1 - ratio)))
    room = _MARGIN * (ends[1] - ends[0]) + 1e-6
    return ends[0] - room, ends[1] + room


def _hull(left: Bounds, right: Bounds) -> Bounds:
    return torch.minimum(left[0].double(), right[0]), torch.maximum(left[1].double(), right[1])


def _inside(inner: Bounds, outer: Bounds) -> bool:
    return bool((inner[0] >= outer[0]).all()) and bool((inner[1] <= outer[1]).all())


def _outputs(step: RecurrentStep) -> int:
    return from_torch(step, step.inputs + step.state_size).outputs - step.state_size


def _stacked(parts: list[Bounds]) -> Bounds:
    low, high = zip(*parts, strict=True)
    return torch.stack([end.double() for end in low]), torch.stack([end.double() for end in high])
