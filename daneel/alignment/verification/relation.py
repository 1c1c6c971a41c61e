"""Properties that compare two inputs: rates, monotonic outputs, symmetry.

A relation says which pairs of inputs (x, x') it is about, by a graph from z to x and x', and what
the outputs y, y' must keep: each row of `unsafe` is a direction in which they must not differ by
more than a limit. A witness is the pair.

Legend: D inputs, A outputs, K rows, Z numbers that a pair is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.property import Case, Property
from daneel.errors import ConfigError

WITHIN = 1 - 1e-6
"""Share of the distance that a witness uses: rounding it to float32 leaves it close enough."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of one relation, and what their outputs must keep."""

    low: Tensor
    """Of z, `[Z]`; the first D are x."""
    high: Tensor
    """`[Z]`."""
    step: Tensor
    """`[D, Z - D]`: x' is `turn` x + step times the rest of z, kept in the box."""
    turn: Tensor
    """`[D, D]`; the identity for neighbours."""
    rows: Tensor
    """`[K, 2 A]` over (y, y'): unsafe where a row is above its limit."""
    limits: Tensor
    """`[K]`."""
    box: tuple[Tensor, Tensor] | None
    """Where x' is kept, `[D]` each; None leaves it where it falls."""
    slopes: tuple[tuple[int, float], ...] = ()
    """Inputs that differ and by how much at most; empty where derivatives say nothing."""
    rising: bool = False
    """Whether x' is never below x: then a row is bounded with its sign."""

    @property
    def inputs(self) -> int:
        """D."""
        return len(self.turn)

    def inner(self) -> tuple[Tensor, Tensor]:
        """Corners of z for witnesses: their distance survives rounding."""
        share = torch.ones_like(self.low)
        share[self.inputs :] = WITHIN
        return self.low * share, self.high * share

    def second(self, builder: Builder) -> int:
        """The node of x' behind z."""
        moved = builder.affine(0, torch.cat([self.turn, self.step], 1), torch.zeros(self.inputs))
        return moved if self.box is None else builder.clip(moved, *self.box)

    def pair(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """X and x' `[N, D]` of `z [N, Z]`, float64."""
        x, rest = z.double().split([self.inputs, z.shape[1] - self.inputs], 1)
        other = x @ self.turn.T + rest @ self.step.T
        return x, other if self.box is None else other.clamp(*self.box)


@dataclass(frozen=True, eq=False)
class Relation:
    """What must hold of pairs of inputs."""

    kind: str
    """rate, monotonic or symmetry."""
    pairs: tuple[Pairs, ...]
    """All of them must keep it."""
    outputs: int
    """A."""
    name: str = "relation"
    """For messages."""

    @property
    def inputs(self) -> int:
        """D."""
        return self.pairs[0].inputs


def rate(low: Tensor, high: Tensor, within: Tensor, most: Tensor, name: str = "rate") -> Relation:
    """Inputs of the box that are `within [D]` of each other give outputs within `most [A]`.

    Raises:
        ConfigError: A distance that is negative or not finite, or no limit at all.
    """
    if not bool(((within >= 0) & torch.isfinite(within)).all()) or not bool(within.any()):
        raise _refused(name, f"within {within.tolist()}", "distances of 0 or more, one above 0")
    if not bool((most > 0).all()) or not bool(torch.isfinite(most).any()):
        raise _refused(name, f"most {most.tolist()}", "limits above 0, one of them finite")
    moving = within.nonzero()[:, 0].tolist()
    step = torch.diag(within)[:, moving]
    units = torch.isfinite(most).nonzero()[:, 0].tolist()
    ones = torch.ones(len(moving), dtype=torch.float64)
    rows = _differences(len(most))[units]
    pairs = Pairs(
        torch.cat([low, -ones]), torch.cat([high, ones]), step, _identity(low),
        torch.cat([rows, -rows]), most[units].repeat(2), _box(name, low, high),
        tuple((index, float(within[index])) for index in moving),
    )  # fmt: skip
    return Relation("rate", (pairs,), len(most), name)


def monotonic(
    low: Tensor,
    high: Tensor,
    outputs: int,
    trends: Sequence[tuple[int, int, bool]],
    tolerance: float,
    name: str = "monotonic",
) -> Relation:
    """Each (output, input, rises): where that input rises alone, the output does, up to tolerance.

    Raises:
        ConfigError: No trend, or a tolerance that is not above 0.
    """
    _require_tolerance(name, tolerance)
    if not trends:
        raise _refused(name, "no trend", "at least one like `y0 rises with x1`")
    found, differences = [], _differences(outputs)
    for output, index, rises in trends:
        width = high[index] - low[index]
        step = torch.zeros(len(low), 1, dtype=torch.float64)
        step[index] = width
        row = differences[output] * (-1.0 if rises else 1.0)  # unsafe where the output turns back
        end = torch.zeros(1, dtype=torch.float64)
        found.append(Pairs(
            torch.cat([low, end]), torch.cat([high, end + 1]), step, _identity(low), row[None],
            torch.tensor([tolerance], dtype=torch.float64), _box(name, low, high),
            ((index, float(width)),), rising=True,
        ))  # fmt: skip
    return Relation("monotonic", tuple(found), outputs, name)


def symmetry(
    low: Tensor,
    high: Tensor,
    inputs: Sequence[tuple[int, float]],
    outputs: Sequence[tuple[int, float]],
    tolerance: float,
    name: str = "symmetry",
) -> Relation:
    """The mirrored input gives the mirrored output, up to tolerance.

    Args:
        low: `[D]`, of the inputs; their mirror images may lie outside.
        high: `[D]`.
        inputs: For each input of the mirrored world, which input it is, and its sign.
        outputs: The same for the outputs.
        tolerance: By which an output may differ.
        name: For messages.

    Raises:
        ConfigError: A tolerance that is not above 0, or lists of other lengths.
    """
    _require_tolerance(name, tolerance)
    if len(inputs) != len(low):
        raise _refused(name, f"{len(inputs)} mirrored inputs", f"{len(low)}, one for each input")
    turn, count = torch.zeros(len(low), len(low), dtype=torch.float64), len(outputs)
    for place, (index, sign) in enumerate(inputs):
        turn[place, index] = sign
    rows = torch.zeros(count, 2 * count, dtype=torch.float64)
    for place, (index, sign) in enumerate(outputs):
        rows[place, count + place] += 1.0
        rows[place, index] -= sign
    _box(name, low, high)
    none = torch.zeros(len(low), 0, dtype=torch.float64)
    limits = torch.full((2 * count,), tolerance, dtype=torch.float64)
    pairs = Pairs(low, high, none, turn, torch.cat([rows, -rows]), limits, None)
    return Relation("symmetry", (pairs,), count, name)


def _identity(like: Tensor) -> Tensor:
    return torch.eye(len(like), dtype=torch.float64)


def _differences(outputs: int) -> Tensor:
    """Rows of y' - y."""
    eye = torch.eye(outputs, dtype=torch.float64)
    return torch.cat([-eye, eye], 1)


def _box(name: str, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The box, refused where it is none."""
    Property((Case(low, high, ()),), name)
    return low, high


def _require_tolerance(name: str, tolerance: float) -> None:
    if not tolerance > 0 or tolerance == float("inf"):
        raise _refused(name, f"tolerance {tolerance}", "a number above 0: float32 rounds")


def _refused(name: str, found: str, expected: str) -> ConfigError:
    return ConfigError(
        f"{name} has {found}. Expected {expected}. See docs/verification.md, properties of pairs."
    )
