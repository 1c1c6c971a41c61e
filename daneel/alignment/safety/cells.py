"""Invariance and reach-avoid for every state of a box, cell by cell.

The box is divided into a grid. After `stride` decisions a cell lies within a set of cells (its
image); on the way it must not leave the box. Then

- the invariant set is the largest set of cells whose images stay in it (greatest fixed point): from
  there the policy keeps the plant in the box for ever;
- the target is reached in at most n strides from every cell whose image lies in cells from where it
  is reached in n - 1 (least fixed point).

Both hold for every real state of the cells, by induction; the grid is only bookkeeping. What is not
certified may be fine or not: `falsify` looks for states there that really fail.

Legend: C cells, S state dimensions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.safety.closed_loop import ClosedLoop, Forms
from daneel.alignment.safety.plants import Array
from daneel.errors import ConfigError

Mask = NDArray[np.bool_]

_BATCH = 4096
"""Cells that are pushed through the network at once."""


@dataclass(frozen=True)
class Box:
    """All states between two corners."""

    low: tuple[float, ...]
    """Least values, one a dimension."""
    high: tuple[float, ...]
    """Largest values."""

    def __post_init__(self) -> None:
        """Refuse empty boxes.

        Raises:
            ConfigError: The corners do not fit, or not every low is below its high.
        """
        same = len(self.low) == len(self.high) and len(self.low) > 0
        if not same or not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise ConfigError(
                f"The box goes from {self.low} to {self.high}. Expected two corners of one size, "
                "every low below its high. Correct the corners."
            )

    def ends(self) -> tuple[Array, Array]:
        """Both corners as arrays."""
        return np.array(self.low), np.array(self.high)

    def contains(self, states: Array) -> Mask:
        """Which of `states [..., S]` are inside."""
        low, high = self.ends()
        return np.all((states >= low) & (states <= high), axis=-1)


@dataclass(frozen=True)
class CellCertificate:
    """What was proved for each cell of a grid over `box`."""

    box: Box
    """The state box, which is not left."""
    invariant: Mask
    """Cells from which the box is never left, one axis a dimension."""
    strides: NDArray[np.int64]
    """Strides within which the target is reached from a cell; -1 where that is not proved."""
    stride: int
    """Decisions in a stride."""

    @property
    def fraction(self) -> float:
        """Share of the box that is certified: never left and, if there is a target, reached."""
        return float((self.invariant & (self.strides >= 0)).mean())

    @property
    def decisions(self) -> int:
        """Decisions after which the target is reached from every certified cell."""
        return int(self.strides.max()) * self.stride

    def certified(self, states: Array) -> Mask:
        """Which of `states [N, S]` lie in certified cells."""
        low, high = self.box.ends()
        shape = np.array(self.invariant.shape)
        at = np.floor((states - low) / (high - low) * shape).astype(int)
        at = np.clip(at, 0, shape - 1)
        good = self.invariant & (self.strides >= 0)
        return good[tuple(at.T)] & self.box.contains(states)


def certify_cells(
    loop: ClosedLoop, box: Box, cells: int, stride: int, target: Box | None = None
) -> CellCertificate:
    """Certify as much of a box as can be proved.

    Args:
        loop: Plant and policy.
        box: Where the state must stay.
        cells: In each dimension; more cells prove more and cost more.
        stride: Decisions between two looks at the grid: a cell must move by more than its size.
        target: Where it shall come to, inside the box; None asks for invariance only.

    Raises:
        ConfigError: Fewer than one cell or decision, or a target outside of the box.
        NoBoundError: The policy has a layer that cannot be bounded.
    """
    if cells < 1 or stride < 1:
        raise ConfigError(
            f"cells is {cells} and stride {stride}. Expected at least 1 each. Type larger numbers."
        )
    shape = (cells,) * len(box.low)
    low, high = _corners(box, shape)
    first, last, stays = _images(loop, box, shape, low, high, stride)
    invariant = _greatest(first, last, stays, shape)
    strides = np.where(invariant, 0, -1)
    if target is not None:
        inner_low, inner_high = target.ends()
        inside = ((low >= inner_low) & (high <= inner_high)).all(1).reshape(shape)
        strides = _least(first, last, invariant, inside & invariant, shape)
    return CellCertificate(box, invariant, strides, stride)


def falsify(
    loop: ClosedLoop, box: Box, states: Array, steps: int, target: Box | None = None
) -> Mask:
    """Which of `states [N, S]` really fail in simulation: leave the box, or miss the target."""
    way = loop.rollout(states, steps)
    failed = ~np.all(box.contains(way), axis=0)
    if target is not None:
        failed |= ~np.any(target.contains(way), axis=0)
    return failed


def _corners(box: Box, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Corners of every cell, `[C, S]` each."""
    low, high = box.ends()
    edges = [np.linspace(a, b, n + 1) for a, b, n in zip(low, high, shape, strict=True)]
    lows = np.meshgrid(*(edge[:-1] for edge in edges), indexing="ij")
    highs = np.meshgrid(*(edge[1:] for edge in edges), indexing="ij")
    return np.stack(lows, -1).reshape(-1, len(low)), np.stack(highs, -1).reshape(-1, len(low))


def _images(
    loop: ClosedLoop, box: Box, shape: tuple[int, ...], low: Array, high: Array, stride: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Mask]:
    """First and last cell `[C, S]` that each cell's image touches, and whether it stays inside."""
    parts = []
    for at in range(0, len(low), _BATCH):
        forms, stays = Forms.boxes(low[at : at + _BATCH], high[at : at + _BATCH]), None
        for _ in range(stride):
            forms = loop.advance(forms)
            inside = _inside(box, *forms.hull())
            stays = inside if stays is None else stays & inside
        parts.append((*forms.hull(), stays))
    least, most, stays = (np.concatenate(part) for part in zip(*parts, strict=True))
    begin, end = box.ends()
    size = (end - begin) / np.array(shape)
    least, most = np.nan_to_num(least, nan=-np.inf), np.nan_to_num(most, nan=np.inf)
    count = np.array(shape) - 1
    # One cell more where an end lies on an edge: that costs little and needs no care with rounding.
    first = np.clip(np.floor((least - begin) / size - 1e-9), 0, count).astype(np.int64)
    last = np.clip(np.floor((most - begin) / size + 1e-9), 0, count).astype(np.int64)
    return first, last, stays.reshape(shape)


def _inside(box: Box, least: Array, most: Array) -> Mask:
    low, high = box.ends()
    return np.all((least >= low) & (most <= high), axis=1)


def _greatest(
    first: NDArray[np.int64], last: NDArray[np.int64], stays: Mask, shape: tuple[int, ...]
) -> Mask:
    kept = stays
    while True:
        next_ = kept & (_count(~kept, first, last) == 0).reshape(shape)
        if (next_ == kept).all():
            return kept
        kept = next_


def _least(
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    invariant: Mask,
    inside: Mask,
    shape: tuple[int, ...],
) -> NDArray[np.int64]:
    strides = np.where(inside, 0, -1)
    for number in itertools.count(1):
        reached = strides >= 0
        gained = invariant & ~reached & (_count(~reached, first, last) == 0).reshape(shape)
        if not gained.any():
            return strides
        strides[gained] = number
    raise AssertionError  # count() does not end


def _count(marked: Mask, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many marked cells lie in each block of cells `[C]`, by sums from the corner."""
    sums = np.zeros([n + 1 for n in marked.shape], np.int64)
    inner = marked.astype(np.int64)
    for axis in range(marked.ndim):
        inner = inner.cumsum(axis)
    sums[(slice(1, None),) * marked.ndim] = inner
    total = np.zeros(len(first), np.int64)
    for sides in itertools.product((0, 1), repeat=marked.ndim):
        corner = [
            np.where(side, last[:, axis] + 1, first[:, axis]) for axis, side in enumerate(sides)
        ]
        total += (-1) ** (marked.ndim - sum(sides)) * sums[tuple(corner)]
    return total
