"""RWKV-7 where no channel fades fast: chunks are masked attention, and backward is written out.

With c the running sum of log decays in a chunk and c' the one a step earlier, the recurrence of
`wkv7.py` is attention over twice as many rows, columns and values,

    Q = [r e^c; a e^c']                    P = [k; b] e^-c             Z = [v; u]
    [o; u] = (Q P^T * mask) Z + Q S        S' = e^(c_C) (S + P^T Z),

where u, what a reads, solves a triangular system. This is the chunked form of Peng et al. (2025,
arXiv 2503.14456) and Yang et al. (2024, arXiv 2412.06464). Its factors overflow where decays are
strong, so every log decay must be at least `-FASTEST`, as those of the paper's layer are (0.61):
then all factors lie between e^-21 and e^21, which costs float32 no digits.

Backward makes the factors of a block again, and keeps u, the inverse of the triangular matrix and
the state at the start of each chunk: memory is O(T). It cannot be differentiated again, and says
so.

Legend: B batch, T time, H heads, K key width, V value width, N chunks of a block, M matrices
(B * H), C steps of a chunk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.carry import run_correcting, run_correcting_back
from daneel.backbones.ops.chunks import chunked, spans
from daneel.backbones.ops.episodes import number_episodes, same_episode, seen_at_end, sees_start
from daneel.backbones.ops.precision import no_autocast
from daneel.backbones.ops.triangular import invert_unit_lower

CHUNK = 32
"""Steps of a chunk."""

FASTEST = 0.65
"""Largest decay of a step, as minus its logarithm."""

BLOCK = 512
"""Steps of a block on a CPU: a dozen factors of a block share the cache."""


def wkv7_slow_decay(
    inputs: list[Tensor], state: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Output `[B, T, H, V]` and the state after the last step, both in the dtype of the state.

    Args:
        inputs: r, w, k, v, a, b as in `wkv7`; no w is below `-FASTEST`.
        state: `[B, H, K, V]`, in the accumulator's dtype.
        resets: `[B, T]` or None.
    """
    training = torch.is_grad_enabled() and any(x.requires_grad for x in (*inputs, state))
    return _SlowDecay.apply(training, resets, state, *inputs)


class _Factors(NamedTuple):
    """What a block is computed from."""

    rows: Tensor
    """Q, `[N, M, 2 C, K]`."""
    columns: Tensor
    """P, `[N, M, 2 C, K]`."""
    shares: Tensor
    """e^c, from before the first step to after the last, `[N, M, C + 1, K]`."""
    shrink: Tensor
    """e^-c, `[N, M, C, K]`."""
    leave: Tensor
    """e^c at the end, `[N, M, 1, K]`."""
    mask: Tensor
    """Which rows see which columns, `[2 C, 2 C]` or `[N, M, 2 C, 2 C]`."""
    sees: Tensor | None
    """Whether a row sees the start of its chunk, `[N, M, 2 C, 1]`; None is always."""
    seen: Tensor | None
    """Whether the end of the chunk sees a column, `[N, M, 2 C, 1]`; None is always."""

    def reading(self) -> Tensor:
        """What the rows see of the start, `[N, M, 2 C, K]`."""
        return self.rows if self.sees is None else self.rows * self.sees

    def share_at_end(self) -> Tensor:
        """How much of a column is left at the end, over P, `[N, M, 1 or 2 C, K]`."""
        return self.leave if self.seen is None else self.leave * self.seen

    def keeping(self) -> Tensor:
        """How much of the start is left at the end, `[N, M, K, 1]`."""
        kept = self.leave if self.sees is None else self.leave * self.sees[:, :, -1:]
        return kept.mT

    def scores(self) -> Tensor:
        """Q P^T where rows see columns, `[N, M, 2 C, 2 C]`."""
        return (self.rows @ self.columns.mT).mul_(self.mask)


class _SlowDecay(torch.autograd.Function):
    """Forward and backward over blocks, with the state carried between them."""

    @staticmethod
    def forward(
        ctx: Any, training: bool, resets: Tensor | None, state: Tensor, *inputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `wkv7_slow_decay`."""
        output = torch.empty(inputs[3].shape, dtype=state.dtype, device=state.device)
        carried, kept = state.flatten(0, 1), []
        with no_autocast(state):
            for span in spans(output.shape[1], CHUNK, state.device, BLOCK):
                r, w, k, v, a, b, episodes = _cut(inputs, resets, span)
                factors = _factorise(r, w, k, a, b, episodes, state.dtype)
                out, carried, solution = _forward_block(factors, v, carried)
                _write(output, span, out)
                kept += solution if training else []
        ctx.save_for_backward(resets, *inputs, *kept)
        return output, carried.reshape(state.shape).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Blocks from last to first; the gradient of the state is carried."""
        return _differentiate(ctx, *grads)


@once_differentiable
def _differentiate(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    resets, *tensors = ctx.saved_tensors
    inputs, kept = tensors[:6], tensors[6:]
    d_output, d_state = grads
    d_inputs, carried = [torch.empty_like(x) for x in inputs], d_state.flatten(0, 1)
    every_span = list(spans(d_output.shape[1], CHUNK, d_state.device, BLOCK))
    with no_autocast(d_state):
        for span in reversed(every_span):
            solution, kept = kept[-3:], kept[:-3]
            r, w, k, v, a, b, episodes = _cut(inputs, resets, span)
            factors = _factorise(r, w, k, a, b, episodes, d_state.dtype)
            d_out = chunked(d_output[:, slice(*span[:2])], span[2])
            parts, carried = _backward_block(factors, v, solution, d_out, carried)
            for whole, part in zip(d_inputs, parts, strict=True):
                _write(whole, span, part)
    return None, None, carried.reshape(d_state.shape), *d_inputs


def _cut(inputs: Any, resets: Tensor | None, span: tuple[int, int, int]) -> list[Any]:
    """Views `[N, B, H, C, *]` of r, w, k, v, a, b, and the numbers of the episodes."""
    time, chunk = slice(*span[:2]), span[2]
    parts = [chunked(x[:, time], chunk) for x in inputs]
    begins = None if resets is None else resets[:, time]
    return [*parts, number_episodes(begins, 0, chunk, parts[0].shape[2])]


def _write(whole: Tensor, span: tuple[int, int, int], part: Tensor) -> None:
    """Puts `[N, M, C, *]` where it belongs in `[B, T, H, *]`."""
    place = chunked(whole[:, slice(*span[:2])], span[2])
    place.copy_(part.view(place.shape))


def _factorise(
    r: Tensor,
    w: Tensor,
    k: Tensor,
    a: Tensor,
    b: Tensor,
    numbers: Tensor | None,
    dtype: torch.dtype,
) -> _Factors:
    """From views `[N, B, H, C, K]`."""
    chunk, shape = w.shape[3], w.shape[:3]
    shares = torch.zeros(*shape, chunk + 1, w.shape[4], dtype=dtype, device=w.device)
    torch.cumsum(w, 3, dtype=dtype, out=shares[:, :, :, 1:])
    shrink = shares.exp_()[:, :, :, 1:].reciprocal()
    rows, columns = (shares.new_empty(*shape, 2 * chunk, w.shape[4]) for _ in range(2))
    torch.mul(r, shares[:, :, :, 1:], out=rows[:, :, :, :chunk])
    torch.mul(a, shares[:, :, :, :-1], out=rows[:, :, :, chunk:])
    torch.mul(k, shrink, out=columns[:, :, :, :chunk])
    torch.mul(b, shrink, out=columns[:, :, :, chunk:])
    rows, columns, shares, shrink = (x.flatten(1, 2) for x in (rows, columns, shares, shrink))
    seeing = _seeing(chunk, numbers, shares)
    return _Factors(rows, columns, shares, shrink, shares[:, :, -1:], *seeing)


def _seeing(
    chunk: int, numbers: Tensor | None, like: Tensor
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The mask of the scores, and which rows see the start and which columns the end sees.

    r sees the writes up to its own step, a those before it.
    """
    ones = like.new_ones(chunk, chunk)
    mask = torch.cat((ones.tril(), ones.tril(-1))).repeat(1, 2)
    if numbers is None:
        return mask, None, None
    numbers = numbers.repeat(1, 1, 2)
    sees, seen = (x[..., None].to(like.dtype) for x in (sees_start(numbers), seen_at_end(numbers)))
    return mask * same_episode(numbers), sees, seen


def _values(v: Tensor, u: Tensor) -> Tensor:
    """Z `[N, M, 2 C, V]` of `v [N, B, H, C, V]` and `u [N, M, C, V]`."""
    chunk = u.shape[2]
    values = u.new_empty(*u.shape[:2], 2 * chunk, u.shape[3])
    values[:, :, :chunk].view(v.shape).copy_(v)
    values[:, :, chunk:].copy_(u)
    return values


def _forward_block(
    factors: _Factors, v: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Output `[N, M, C, V]`, the last state, and what backward needs of the solution."""
    scores, reading, chunk = factors.scores(), factors.reading(), v.shape[3]
    at_end = factors.columns * factors.share_at_end()
    inverse = invert_unit_lower(-scores[:, :, chunk:, chunk:])
    given_v = v.to(state.dtype).flatten(1, 2)
    given = inverse @ (scores[:, :, chunk:, :chunk] @ given_v)
    reach = inverse @ reading[:, :, chunk:]
    write = at_end[:, :, :chunk].mT @ given_v
    starts, u, state = run_correcting(
        factors.keeping(), write, at_end[:, :, chunk:], given, reach, state
    )
    output = scores[:, :, :chunk] @ _values(v, u) + reading[:, :, :chunk] @ starts
    return output, state, [starts, u, inverse]


def _backward_block(
    factors: _Factors, v: Tensor, solution: list[Tensor], d_out: Tensor, d_state: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Gradients of r, w, k, v, a, b `[N, M, C, *]`, and of the state before the block."""
    starts, u, inverse = solution
    scores, reading, chunk = factors.scores(), factors.reading(), v.shape[3]
    share = factors.share_at_end()
    at_end, values = factors.columns * share, _values(v, u)
    d_o = d_out.to(u.dtype).flatten(1, 2)
    d_u = scores[:, :, :chunk, chunk:].mT @ d_o
    d_starts = reading[:, :, :chunk].mT @ d_o
    reach = inverse @ reading[:, :, chunk:]
    d_ends, d_u, d_state = run_correcting_back(
        factors.keeping(), at_end[:, :, chunk:], reach, d_starts, d_u, d_state
    )
    d_rows_out = torch.cat((d_o, inverse.mT @ d_u), 2)
    d_scores = (d_rows_out @ values.mT).mul_(factors.mask)
    d_v = scores[..., :chunk].mT @ d_rows_out + at_end[:, :, :chunk] @ d_ends
    d_reading = d_rows_out if factors.sees is None else d_rows_out * factors.sees
    d_rows = d_scores @ factors.columns + d_reading @ starts.mT
    d_at_end = (values @ d_ends.mT).mul_(share)
    d_columns = d_scores.mT @ factors.rows + d_at_end
    kept = (starts * d_ends).sum(-1)[:, :, None] * factors.keeping().mT
    d_last = kept + (d_at_end * factors.columns).sum(2, keepdim=True)
    d_w = _decay_gradient(d_rows * factors.rows, d_columns * factors.columns, d_last)
    d_r = d_rows[:, :, :chunk] * factors.shares[:, :, 1:]
    d_a = d_rows[:, :, chunk:] * factors.shares[:, :, :-1]
    d_k, d_b = (x * factors.shrink for x in d_columns.split(chunk, 2))
    return [d_r, d_w, d_k, d_v, d_a, d_b], d_state


def _decay_gradient(rows: Tensor, columns: Tensor, last: Tensor) -> Tensor:
    """Gradient of the log decays `[N, M, C, K]` from those of the logarithms of Q, P and the end.

    A log decay enters the running sums of its own step and all later ones.
    """
    chunk = rows.shape[2] // 2
    d_sums = rows[:, :, :chunk].sub_(columns[:, :, :chunk]).sub_(columns[:, :, chunk:])
    d_sums[:, :, :-1] += rows[:, :, chunk + 1 :]
    d_sums[:, :, -1:] += last
    later = torch.ones(chunk, chunk, dtype=rows.dtype, device=rows.device).triu_()
    return later @ d_sums
