"""Hyena's long filter: an implicit causal convolution that trains in parallel and also streams.

Poli et al., "Hyena Hierarchy" (2023), arXiv 2302.10866, section 3.3: the taps of a channel are a
small sine network of the position times an exponential window. What differs: positions count steps
and are never divided by the length of the sequence, so the filter of a prefix is the prefix of the
filter, and a longer sequence changes no earlier output.

Streaming is the relaxed convolution of van der Hoeven (1997), as in Oncescu et al., "Flash
Inference" (2024), arXiv 2410.12982: after i steps the last U inputs (U the largest power of two in
i) give their share to the next U outputs, in one FFT. A step costs O(log^2 L) amortised; the
occasional step that closes a large tile costs O(L log L).

The state, batch first, grows with history up to twice `max_len` inputs, and then no further:
    inputs.k  [B, 2^k, D]   inputs whose tile is not complete; k runs over the bits set in i
    ahead.k   [B, n, D]     shares in the next n outputs, from the tile of level k
    unread    [B, n, D]     inputs of a parallel pass, of which no share was computed yet
Blocks are never written to, only replaced: an old state stays good (branching rollouts).

Legend: B batch, T time, D channels, L longest memory, F features of a position, W hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from daneel.backbones.ops import check
from daneel.backbones.ops.long_conv import causal_conv, reach_ahead
from daneel.backbones.ops.precision import accumulator, no_autocast
from daneel.backbones.protocol import State

SHORTEST_MEMORY = 8.0
"""Steps after which the window of the fastest channel has fallen to 1/e."""


class HyenaFilter(nn.Module):
    """A causal filter per channel, `y[t] = sum_s kernel[s] u[t - s] + bias u[t]`.

    Args:
        dim: D, channels.
        max_len: L, steps after which an input is forgotten; bounds the state too.
        width: W, hidden width of the network that makes the taps.
        frequencies: Sines and cosines of the position that it sees, half of F.
        generator: Draws the weights.

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(
        self,
        dim: int,
        max_len: int = 8192,
        width: int = 64,
        frequencies: int = 16,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draws weights for which outputs have about the variance of inputs."""
        super().__init__()
        sizes = {"dim": dim, "max_len": max_len, "width": width, "frequencies": frequencies}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} is {size}. Expected at least 1. Pass a larger {name}.")
        self.dim, self.max_len, self.frequencies = dim, max_len, frequencies
        self.first = nn.Linear(2 * frequencies + 1, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, dim, bias=False)
        self.bias = nn.Parameter(torch.empty(dim))
        self._taps: tuple[tuple[int, ...], Tensor] | None = None
        self._draw(generator)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator | None) -> None:
        for layer in (self.first, self.second, self.last):
            # Rows of norm sqrt(2) or so keep the sines in their curved part and the taps near 1.
            scale = math.sqrt(2 / layer.in_features)
            layer.weight.normal_(0, scale, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-math.pi, math.pi, generator=generator)
        self.bias.normal_(generator=generator)

    def initial_state(self, batch: int) -> State:
        """No history: no tensors, whatever the batch."""
        return {}

    def kernel(self, length: int) -> Tensor:
        """The first `length` taps `[D, length]`; those from `max_len` on are zero."""
        if torch.is_grad_enabled():
            return self._make_taps(length)
        return self._remembered()[:, :length] if length <= self._period else self._make_taps(length)

    def forward(
        self, u: Tensor, state: State | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Filters `u [B, T, D]` and returns `y` like `u` and the state after its last step.

        Any cut of a sequence gives the same outputs: whole, in chunks of any lengths, one by one.

        Args:
            u: Inputs.
            state: What an earlier call returned; None is no history.
            resets: `[B, T]`, true where an episode begins: nothing before that step is remembered.

        Raises:
            ValueError: shapes, devices or values that do not fit; the message says which.
        """
        state = {} if state is None else dict(state)
        self._check(u, state, resets)
        dtype, outputs = accumulator(u, self.bias), []
        cuts = _cuts(resets, u.shape[1])
        with no_autocast(u):
            parts = u.to(dtype).split([stop - start for start, stop in cuts], 1)
            for (start, _), part in zip(cuts, parts, strict=True):
                if resets is not None:
                    state = _forget(state, resets[:, start])
                y, state = self._extend(part, state)
                outputs.append(y)
        return torch.cat(outputs, 1).to(u.dtype), state

    @property
    def _period(self) -> int:
        """The size of the largest tile: from one to the next, nothing is remembered twice."""
        return 1 << max(1, (self.max_len - 1).bit_length())

    def _extend(self, u: Tensor, state: State) -> tuple[Tensor, State]:
        """Goes on without resets: in one piece where no tile is open, else tile by tile."""
        ahead = {name: block for name, block in state.items() if name.startswith("ahead")}
        if "unread" in state:
            state = ahead | self._absorb(state["unread"], {}, emit=False)[1]
        fresh = not any(name.startswith("inputs") for name in state)
        if fresh and 1 < u.shape[1] <= self._period:
            y, ahead = _collect(self._within(u), state)
            return y, ahead | {"unread": u}
        return self._absorb(u, state, emit=True)

    def _absorb(self, u: Tensor, state: State, emit: bool) -> tuple[Tensor, State]:
        """Feeds `u` in pieces that end where tiles end; `emit` asks for the outputs."""
        count = sum(len_ for name, len_ in _lengths(state) if name.startswith("inputs"))
        sizes, outputs = list(_pieces(count, u.shape[1], self._period)), [u[:, :0]]
        for piece in u.split(sizes, 1):
            within = self._within(piece) if emit else piece
            y, ahead = _collect(within, state)
            state = ahead | self._close(piece, state)
            outputs.append(y)
        return torch.cat(outputs, 1), state

    def _close(self, block: Tensor, state: State) -> State:
        """Merges a piece with the inputs before it, like a binary counter, and makes the tile."""
        inputs = {name: part for name, part in state.items() if name.startswith("inputs")}
        while (name := f"inputs.{block.shape[1].bit_length() - 1}") in inputs:
            block = torch.cat([inputs.pop(name), block], 1)
        if block.shape[1] < self._period:
            inputs[name] = block
        return inputs | {name.replace("inputs", "ahead"): self._ahead(block)}

    def _within(self, u: Tensor) -> Tensor:
        """Outputs of a piece as if nothing had been before it."""
        taps = self.kernel(u.shape[1])
        if u.shape[1] == 1:
            return u * (taps[:, 0] + self.bias)
        return causal_conv(u.mT, taps).mT + self.bias * u

    def _ahead(self, block: Tensor) -> Tensor:
        """The share of a block of inputs in as many outputs after it."""
        taps = self.kernel(2 * block.shape[1])
        if block.shape[1] == 1:
            return block * taps[:, 1]
        return reach_ahead(block.mT, taps).mT

    def _make_taps(self, length: int) -> Tensor:
        """Taps `[D, length]`, each from its own position alone."""
        # Float32 at least: bfloat16 has no FFT, and no digits for a position.
        reach, dtype = min(length, self.max_len), accumulator(self.bias)
        steps = torch.arange(reach, dtype=torch.float64, device=self.bias.device)
        features = self._features(steps).to(dtype)
        layers = (self.first, self.second, self.last)
        weights = [
            (x.weight.to(dtype), None if x.bias is None else x.bias.to(dtype)) for x in layers
        ]
        hidden = torch.sin(linear(torch.sin(linear(features, *weights[0])), *weights[1]))
        taps = linear(hidden, *weights[2]).T * self._window(steps).to(dtype)
        return nn.functional.pad(taps, (0, length - reach))

    def _features(self, steps: Tensor) -> Tensor:
        """`[L, F]` of positions `[L]`: from the fastest alternation to twice the memory."""
        longest = math.log2(2 * max(2, self.max_len))
        periods = torch.logspace(1, longest, self.frequencies, 2).to(steps)
        phase = 2 * math.pi * (steps[:, None] / periods).frac()
        far = torch.log1p(steps[:, None]) / math.log(2 + self.max_len)
        return torch.cat([far, phase.sin(), phase.cos()], 1)

    def _window(self, steps: Tensor) -> Tensor:
        """`[D, L]`, squares that sum to about one, so fast and slow channels are equally loud."""
        slowest = math.log2(max(SHORTEST_MEMORY, self.max_len / 4))
        memory = torch.logspace(math.log2(SHORTEST_MEMORY), slowest, self.dim, 2).to(steps)
        return torch.exp(-steps / memory[:, None]) * (2 / memory[:, None]).sqrt()

    def _remembered(self) -> Tensor:
        """All taps, made once and again only after a weight has changed; without gradient."""
        weights = list(self.parameters())
        key = tuple(number for w in weights for number in (w._version, w.data_ptr()))
        if self._taps is None or self._taps[0] != key:
            self._taps = (key, self._make_taps(2 * self._period))
        return self._taps[1]

    def _check(self, u: Tensor, state: State, resets: Tensor | None) -> None:
        axes = check.Axes()
        axes.take("bias", self.bias, "D")
        axes.take("u", u, "BTD")
        check.check_resets(resets, axes)
        check.check_finite(u=u)
        for name, block in state.items():
            one = check.Axes()
            one.take("u", u[:, 0], "BD")
            one.take(f"state[{name!r}]", block, "BTD")


def _collect(y: Tensor, state: State) -> tuple[Tensor, State]:
    """Adds what is due from the shares ahead; gives the shares that are left over."""
    left: State = {}
    for name, block in state.items():
        if name.startswith("ahead"):
            y = y + block[:, : y.shape[1]]
            if block.shape[1] > y.shape[1]:
                left[name] = block[:, y.shape[1] :]
    return y, left


def _pieces(count: int, steps: int, period: int) -> Iterator[int]:
    """Sizes of pieces, powers of two that begin at their own multiples, that make up `steps`."""
    while steps:
        aligned = count & -count or period
        size = min(aligned, 1 << (steps.bit_length() - 1))
        yield size
        count, steps = (count + size) % period, steps - size


def _lengths(state: State) -> list[tuple[str, int]]:
    return [(name, block.shape[1]) for name, block in state.items()]


def _cuts(resets: Tensor | None, steps: int) -> list[tuple[int, int]]:
    """Stretches of time inside which no row begins an episode."""
    inner = [] if resets is None else (resets[:, 1:].any(0).nonzero()[:, 0] + 1).tolist()
    ends = [0, *inner, steps]
    return list(pairwise(ends))


def _forget(state: State, begins: Tensor) -> State:
    """The state without the history of rows that begin an episode."""
    if not state or not bool(begins.any()):
        return state
    if bool(begins.all()):
        return {}
    gone = begins[:, None, None]
    return {name: block.masked_fill(gone, 0) for name, block in state.items()}
