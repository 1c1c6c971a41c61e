"""Mamba-1's selective scan: a diagonal linear recurrence whose rates depend on the input.

    h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t        [D, N] for each row of the batch
    y_t = C_t . h_t + D u_t,   gated by silu(z_t)

Gu and Dao (2023), arXiv 2312.00752, equation 2 with the zero-order hold of A and Euler's rule for
B, as in their code. What differs: the state before the first step and after the last are arguments
and differentiable, and episodes may begin anywhere (`resets`).

The fast form never holds `[B, T, D, N]`. It walks over chunks small enough for the cache, computes
everything of a chunk that does not depend on its past at once, and leaves one fused multiply-add a
step for the recurrence. Only the state at the start of every chunk is kept; backward walks the
chunks in reverse and computes their states again. Nothing is divided by a product of decays, so
decays that underflow are exact zeros and harmless.

Legend: B batch, T time, D channels, N state width of a channel, C steps of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops import check, peers
from daneel.backbones.ops.episodes import forget
from daneel.backbones.ops.precision import accumulator, no_autocast

CHUNK_ELEMENTS = 2**18
"""Numbers in a buffer of chunk states: three of them fit the second-level cache of a core."""

ROW_ELEMENTS = 2**14
"""States of more numbers than this are scanned some rows of the batch at a time."""

LEAST_CHUNK = 16
"""Shorter chunks would keep too many states: memory is `2 / C` of what a plain scan holds."""


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    softplus: bool = True,
    state: Tensor | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Scans `u [B, T, D]` and returns `y [B, T, D]` in its dtype and the state `[B, D, N]`.

    Args:
        u: Inputs.
        delta: Step sizes `[B, T, D]` before bias and softplus.
        A: Rates `[D, N]`, 0 or less.
        B: What of the input enters the state, `[B, T, N]`.
        C: What of the state is read, `[B, T, N]`.
        D: Weight `[D]` of the input that goes past the state.
        z: Gate `[B, T, D]`, through SiLU.
        delta_bias: Added to `delta` in float32, `[D]`.
        softplus: Whether softplus makes `delta` positive; without it `delta` must not be negative.
        state: State `[B, D, N]` before the first step, zero when left out.
        resets: `[B, T]`, true where an episode begins: the state before that step counts as zero.

    Raises:
        ValueError: shapes, devices or values that do not fit; the message says which.
    """
    _check(u, delta, A, B, C, D, z, delta_bias, softplus, state, resets)
    if peers.takes_scan(u, delta, A, B, C, D, z, delta_bias, state=state, resets=resets):
        return peers.selective_scan(u, delta, A, B, C, D, z, delta_bias, softplus)
    dtype = accumulator(u, delta, A, B, C, state)
    with no_autocast(u):
        x, rates, B, C = (tensor.to(dtype).contiguous() for tensor in (u, A, B, C))
        step = _step_size(delta.to(dtype).contiguous(), delta_bias, softplus)
        if state is None:
            state = x.new_zeros(len(x), *A.shape)
        advance = _one_step if u.shape[1] == 1 else _scan
        y, state = advance(x, step, rates, B, C, state.to(dtype), resets)
        return _read_out(y, x, D, z).to(u.dtype), state


def selective_scan_naive(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    softplus: bool = True,
    state: Tensor | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The definition: a loop over time in float64; arguments as `selective_scan`."""
    _check(u, delta, A, B, C, D, z, delta_bias, softplus, state, resets)
    x, A, B, C = (tensor.double() for tensor in (u, A, B, C))
    step = _step_size(delta.double(), delta_bias, softplus)
    h = x.new_zeros(len(x), *A.shape) if state is None else state.double()
    outputs = []
    for t in range(x.shape[1]):
        decay = torch.exp(step[:, t, :, None] * A)
        drive = (step[:, t] * x[:, t])[:, :, None] * B[:, t, None, :]
        h = decay * forget(h, resets, t) + drive
        outputs.append((h * C[:, t, None, :]).sum(-1))
    return _read_out(torch.stack(outputs, 1), x, D, z), h


def _step_size(delta: Tensor, bias: Tensor | None, softplus: bool) -> Tensor:
    if bias is not None:
        delta = delta + bias.to(delta.dtype)
    return F.softplus(delta) if softplus else delta


def _read_out(y: Tensor, u: Tensor, D: Tensor | None, z: Tensor | None) -> Tensor:
    if D is not None:
        y = y + D.to(y.dtype) * u
    return y if z is None else y * F.silu(z.to(y.dtype))


def _one_step(
    u: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, h: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """T = 1 without chunks; plain operations, so it can be traced and exported."""
    drive = (step * u).transpose(1, 2) * B
    h = torch.exp(step.transpose(1, 2) * A) * forget(h, resets, 0) + drive
    # A sum, not a product of matrices, whose backward autocast could narrow.
    return (h * C).sum(-1).unsqueeze(1), h


def _scan(
    u: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, h: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Puts channels last and time first, and scans as many rows at once as suit the cache."""
    # Channels last: every product of a chunk is then contiguous over D, whatever N is.
    x, step = (tensor.transpose(0, 1).unsqueeze(2) for tensor in (u, step))
    B, C = B.transpose(0, 1).unsqueeze(3), C.transpose(0, 1).unsqueeze(2)
    keep = None if resets is None else ~resets.T[:, :, None, None]
    rows = len(h) if u.is_cuda else max(1, ROW_ELEMENTS // A.numel())
    masks = [None] * len(h) if keep is None else keep.split(rows, 1)
    parts = (
        *(tensor.split(rows, 1) for tensor in (x, step, B, C)),
        h.mT.contiguous().split(rows),
        masks,
    )
    rates = A.T.contiguous()
    outputs = [_Scan.apply(*group, rates) for group in zip(*parts, strict=False)]
    y, state = (list(part) for part in zip(*outputs, strict=True))
    return torch.cat(y, 1).squeeze(2).transpose(0, 1), torch.cat(state).mT


class _Chunk(NamedTuple):
    """What a chunk is computed from; views, nothing is copied."""

    x: Tensor  # [C, B, 1, D]
    step: Tensor  # [C, B, 1, D]
    B: Tensor  # [C, B, N, 1]
    C: Tensor  # [C, B, 1, N]
    keep: Tensor | None  # [C, B, 1, 1], false where an episode begins


class _Buffers:
    """Decays and states of one chunk, `[C, B, N, D]`, allocated once and filled again and again."""

    def __init__(self, length: int, rates: Tensor, like: Tensor) -> None:
        self.decay, self.states = (like.new_empty(length, *like.shape) for _ in range(2))
        # exp2 runs at four times the speed of exp on a CPU; the logarithm's base goes into A once.
        self.log2_rates = rates * math.log2(math.e)
        self.decays, self.state = self.decay.unbind(), self.states.unbind()

    def fill(self, chunk: _Chunk, h: Tensor) -> tuple[Tensor, Tensor]:
        """Decays and states of a chunk that begins in the state `h [B, N, D]`."""
        length = len(chunk.x)
        decay, states = self.decay[:length], self.states[:length]
        torch.mul(chunk.step, self.log2_rates, out=decay).exp2_()
        if chunk.keep is not None:
            decay.mul_(chunk.keep)
        torch.mul(chunk.x * chunk.step, chunk.B, out=states)
        for a, drive in zip(self.decays[:length], self.state[:length], strict=True):
            h = drive.addcmul_(a, h)
        return decay, states


class _Scan(torch.autograd.Function):
    """`(x, step, B, C, h, keep, rates [N, D]) -> (y [T, B, 1, D], h)`, shapes as in `_Chunk`."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> tuple[Tensor, Tensor]:
        x, step, B, C, h, keep, rates = args
        length = _chunk_length(h, len(x))
        buffers, starts, y = _Buffers(length, rates, h), [], []
        for chunk in _chunks(_Chunk(x, step, B, C, keep), length):
            starts.append(h)
            _, states = buffers.fill(chunk, h)
            y.append(chunk.C @ states)
            h = states[-1].clone()
        ctx.length = length
        ctx.save_for_backward(x, step, B, C, keep, rates, torch.stack(starts))
        return torch.cat(y), h

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _differentiate(ctx, *grads)


@once_differentiable
def _differentiate(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    dy, dh = grads
    x, step, B, C, keep, rates, starts = ctx.saved_tensors
    buffers = _Buffers(ctx.length, rates, dh)
    gradient = _Gradient(rates, dh.contiguous(), buffers)
    chunks = list(_chunks(_Chunk(x, step, B, C, keep), ctx.length))
    pieces = dy.contiguous().split(ctx.length)
    backwards = reversed(list(zip(chunks, starts.unbind(), pieces, strict=True)))
    with no_autocast(dy):
        parts = [gradient.chunk(*piece) for piece in backwards]
    by_input = (torch.cat(part[::-1]) for part in zip(*parts, strict=True))
    return (*by_input, gradient.dh, None, gradient.d_rates.sum(0))


class _Gradient:
    """Walks the chunks from the last to the first; `dh` is the gradient of the state between."""

    def __init__(self, rates: Tensor, dh: Tensor, buffers: _Buffers) -> None:
        self.rates, self.dh, self.buffers = rates, dh, buffers
        self.d_rates = torch.zeros_like(dh)
        self.flow, self.scratch = (torch.empty_like(buffers.states) for _ in range(2))
        self.flows = self.flow.unbind()

    def chunk(self, chunk: _Chunk, start: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
        """Gradients of x, step, B and C of one chunk; `dy [C, B, 1, D]`."""
        decay, states = self.buffers.fill(chunk, start)
        scratch = self.scratch[: len(dy)]
        d_c = torch.mul(states, dy, out=scratch).sum(-1).unsqueeze(2)
        flow = self._flow(chunk.C, dy, decay)
        drive = chunk.x * chunk.step
        d_b = torch.mul(flow, drive, out=scratch).sum(-1, keepdim=True)
        d_drive = chunk.B.mT @ flow
        d_step = self._d_step(flow.mul_(decay), states, start, chunk.step)
        return d_drive * chunk.step, d_step.addcmul_(d_drive, chunk.x), d_b, d_c

    def _flow(self, C: Tensor, dy: Tensor, decay: Tensor) -> Tensor:
        """The gradient of every state: what it gave to its output and to the next state."""
        flow = torch.mul(C.mT, dy, out=self.flow[: len(dy)])
        flows, decays = self.flows, self.buffers.decays
        flows[len(dy) - 1].add_(self.dh)
        for t in range(len(dy) - 1, 0, -1):
            flows[t - 1].addcmul_(decays[t], flows[t])
        self.dh = decay[0] * flow[0]
        return flow

    def _d_step(self, decayed: Tensor, states: Tensor, start: Tensor, step: Tensor) -> Tensor:
        """The gradient through exp(step A), given decay times flow; also adds to that of A."""
        decayed[0].mul_(start)
        decayed[1:].mul_(states[:-1])
        for exponent, width in zip(self.flows, step.unbind(), strict=False):
            self.d_rates.addcmul_(exponent, width)
        d_step = torch.zeros_like(step).squeeze(2)
        for exponent, rate in zip(decayed.unbind(2), self.rates.unbind(), strict=True):
            d_step.addcmul_(exponent, rate)
        return d_step.unsqueeze(2)


def _chunk_length(h: Tensor, steps: int) -> int:
    return min(steps, max(LEAST_CHUNK, CHUNK_ELEMENTS // h.numel()))


def _chunks(whole: _Chunk, length: int) -> Iterator[_Chunk]:
    x, step, B, C = (part.split(length) for part in whole[:4])
    keep = [None] * len(x) if whole.keep is None else whole.keep.split(length)
    return map(_Chunk, x, step, B, C, keep)


def _check(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    softplus: bool,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = check.Axes()
    named = {"u": (u, "BTD"), "delta": (delta, "BTD"), "A": (A, "DN"), "B": (B, "BTN")}
    named |= {"C": (C, "BTN"), "D": (D, "D"), "z": (z, "BTD"), "delta_bias": (delta_bias, "D")}
    named |= {"state": (state, "BDN")}
    for name, (tensor, layout) in named.items():
        if tensor is not None:
            axes.take(name, tensor, layout)
    check.check_resets(resets, axes)
    check.check_log_decay("A", A.detach())
    check.check_finite(**{name: pair[0] for name, pair in named.items()})
    if not softplus:
        biased = delta if delta_bias is None else delta + delta_bias
        check.check_positive("delta", biased)
