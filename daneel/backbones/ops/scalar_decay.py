"""The chunkwise engine of memories that fade at one rate per head: retention and SSD.

    S_t = exp(g_t) S_{t-1} + k_t v_t^T        o_t = scale q_t^T S_t

Sun et al. (2023, arXiv 2307.08621), equation 7; Dao, Gu (2024, arXiv 2405.21060), section 6. Inside
a chunk the output is masked attention, `(Q K^T * D) V` with `D_ij = exp(c_i - c_j)` and c the
running sum of log decays; what came before reaches it through the carried state. The backward pass
is written out: it recomputes the scores of a block and keeps only the state at the start of each
chunk, so memory is O(T). It cannot be differentiated again, and says so.

Legend: B batch, T time, H heads, G groups of R heads that share q and k, K key width, V value
width, N chunks of a block, C steps of a chunk. Blocks are `[N, B * H, C, *]`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.carry import run_carry
from daneel.backbones.ops.chunks import spans, split, write_chunks
from daneel.backbones.ops.episodes import forget, number_episodes
from daneel.backbones.ops.precision import no_autocast
from daneel.backbones.ops.scalar_tables import Tables, constant_tables, make_tables

CHUNK = 64
"""Steps of a chunk: the products with the state and those inside the chunk cost about the same."""
FEW, SMALL_CHUNK = 512, 32
"""Up to so many steps smaller chunks are quicker."""


def scalar_decay(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor,
    scale: float,
    resets: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Output `[B, T, H, V]` in the dtype of v, and the state after the last step.

    Args:
        q: `[B, T, G, K]`.
        k: `[B, T, G, K]`.
        v: `[B, T, H, V]`, H a multiple of G.
        log_decay: `[B, T, H]`, or `[H]` for rates that never change.
        state: `[B, H, K, V]`, in the accumulator's dtype.
        scale: Of the output.
        resets: `[B, T]` or None.
    """
    if log_decay.ndim == 1 and (log_decay.requires_grad or resets is not None):
        log_decay = log_decay.expand(v.shape[:3])
    tensors = (q, k, v, log_decay, state)
    training = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
    return _ScalarDecay.apply(*tensors, scale, resets, training)


def scalar_decay_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor,
    scale: float,
    resets: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """`scalar_decay` for T = 1: the recurrence itself."""
    share, dtype = v.shape[2] // q.shape[2], state.dtype
    q, k = (x[:, 0].to(dtype).repeat_interleave(share, 1) for x in (q, k))
    decay = (log_decay if log_decay.ndim == 1 else log_decay[:, 0]).exp().to(dtype)
    value = v[:, 0].to(dtype)
    memory = forget(state, resets, 0) * decay[..., None, None]
    memory = memory + k[..., :, None] * value[..., None, :]
    # A sum of products, not a matmul: autocast would narrow that.
    output = ((scale * q)[..., :, None] * memory).sum(-2)
    return output[:, None].to(v.dtype), memory


class _Block(NamedTuple):
    """A block of the sequence: q, k `[N, B * G, C, K]`, v `[N, B * H, C, V]`."""

    q: Tensor
    k: Tensor
    v: Tensor
    tables: Tables
    """Those that are read include the scale."""


class _Sequence:
    """The inputs of one call; cuts blocks out of them."""

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        log_decay: Tensor,
        resets: Tensor | None,
        scale: float,
        dtype: torch.dtype,
    ) -> None:
        """Keeps the inputs."""
        self.tensors, self.log_decay, self.resets = (q, k, v), log_decay, resets
        self.scale, self.dtype = scale, dtype
        chunk = CHUNK if v.shape[1] > FEW else SMALL_CHUNK
        self.spans = list(spans(v.shape[1], chunk, v.device))

    def block(self, start: int, stop: int, chunk: int) -> _Block:
        """Steps `start` to `stop`, in chunks of `chunk`."""
        q, k, v = (split(x[:, start:stop], chunk, self.dtype) for x in self.tensors)
        if self.log_decay.ndim > 1:
            return _Block(q, k, v, self._tables(start, stop, chunk))
        if torch.compiler.is_compiling():  # kept tables belong to no graph
            rates = self.log_decay.repeat(v.shape[1] // len(self.log_decay))
            decays = rates[None, :, None].expand(1, -1, chunk)
            return _Block(q, k, v, self._scaled(decays, None))
        rates = tuple(self.log_decay.tolist()) * (v.shape[1] // len(self.log_decay))
        tables = constant_tables(rates, chunk, self.scale, self.dtype, v.device)
        return _Block(q, k, v, tables)

    def block_and_scores(self, start: int, stop: int, chunk: int) -> tuple[_Block, Tensor]:
        """A block, and what each step sees of the writes of its chunk, `[N, B * H, C, C]`."""
        block = self.block(start, stop, chunk)
        return block, _share(block.q @ block.k.mT, block.v.shape[1]) * block.tables.inside

    def _tables(self, start: int, stop: int, chunk: int) -> Tables:
        decays = split(self.log_decay[:, start:stop], chunk)
        resets = None if self.resets is None else self.resets[:, start:stop]
        numbers = number_episodes(resets, 0, chunk, self.log_decay.shape[2])
        return self._scaled(decays, numbers)

    def _scaled(self, log_decay: Tensor, numbers: Tensor | None) -> Tables:
        tables = make_tables(log_decay, numbers, self.dtype)
        return tables._replace(
            inside=tables.inside.mul_(self.scale), reading=tables.reading.mul_(self.scale)
        )


class _ScalarDecay(torch.autograd.Function):
    """Forward and backward over blocks, with the state carried between them."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        log_decay: Tensor,
        state: Tensor,
        scale: float,
        resets: Tensor | None,
        training: bool,
    ) -> tuple[Tensor, Tensor]:
        """See `scalar_decay`."""
        sequence = _Sequence(q, k, v, log_decay, resets, scale, state.dtype)
        output = torch.empty_like(v)
        carried, starts, ctx.only = state.flatten(0, 1), [], None
        with no_autocast(v):
            for start, stop, chunk in sequence.spans:
                block, scores = sequence.block_and_scores(start, stop, chunk)
                out, starts_here, carried = _forward_block(block, scores, carried)
                write_chunks(output[:, start:stop], out, chunk)
                starts += [starts_here] if training else []
                # A short sequence is launches more than work: its only block is kept.
                if training and len(sequence.spans) == 1:
                    ctx.only = block, scores
        ctx.save_for_backward(q, k, v, log_decay, resets, *starts)
        ctx.scale = scale
        return output, carried.reshape(state.shape).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Blocks from last to first; the gradient of the state is carried."""
        return _differentiate_sequence(ctx, *grads)


@once_differentiable
def _differentiate_sequence(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    q, k, v, log_decay, resets, *starts = ctx.saved_tensors
    d_output, d_state = grads
    sequence = _Sequence(q, k, v, log_decay, resets, ctx.scale, d_state.dtype)
    with_decay = ctx.needs_input_grad[3]
    wanted = (q, k, v, log_decay) if with_decay else (q, k, v)
    d_inputs = [torch.empty_like(x) for x in wanted]
    carried = d_state.flatten(0, 1)
    with no_autocast(v):
        for span, begins in zip(reversed(sequence.spans), reversed(starts), strict=True):
            d_out = split(d_output[:, slice(*span[:2])], span[2], d_state.dtype)
            block, scores = ctx.only or sequence.block_and_scores(*span)
            d_block, carried = _backward_block(block, scores, begins, d_out, carried, with_decay)
            for whole, part in zip(d_inputs, d_block, strict=True):
                write_chunks(whole[:, slice(*span[:2])], part, span[2])
    d_decay = d_inputs[3] if with_decay else None
    return (*d_inputs[:3], d_decay, carried.reshape(d_state.shape), None, None, None)


def _forward_block(block: _Block, scores: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output `[N, B * H, C, V]`, the state at the start of each chunk, and the last one."""
    q, k, v, tables = block
    heads, groups = v.shape[1], q.shape[1]
    writes = _to_heads(k.mT @ _to_groups(v * tables.writing, groups), heads)
    starts, state = run_carry(tables.keeping, writes, state)
    read = _to_heads(q @ _to_groups(starts, groups), heads)
    return torch.matmul(scores, v).addcmul_(read, tables.reading), starts, state


def _backward_block(
    block: _Block,
    scores: Tensor,
    starts: Tensor,
    d_out: Tensor,
    d_state: Tensor,
    with_decay: bool,
) -> tuple[list[Tensor], Tensor]:
    """Gradients of q, k, v and, if asked for, the log decays; and of the state before the block."""
    q, k, v, tables = block
    heads, groups = v.shape[1], q.shape[1]
    grouped_starts, d_read = _to_groups(starts, groups), _to_groups(d_out * tables.reading, groups)
    d_starts = _to_heads(q.mT @ d_read, heads)
    d_ends, d_state = run_carry(tables.keeping, d_starts, d_state, back=True)
    grouped_ends = _to_groups(d_ends, groups)
    written = _to_heads(k @ grouped_ends, heads)
    d_pairs = d_out @ v.mT
    d_scores = _gather(d_pairs * tables.inside, groups)
    d_q = (d_scores @ k).add_(d_read @ grouped_starts.mT)
    d_k = (d_scores.mT @ q).add_(_to_groups(v * tables.writing, groups) @ grouped_ends.mT)
    d_v = (scores.mT @ d_out).addcmul_(written, tables.writing)
    if not with_decay:
        return [d_q, d_k, d_v], d_state
    shares = Tables(
        inside=d_pairs.mul_(scores),
        reading=(_to_heads(q @ grouped_starts, heads) * d_out).sum(-1, keepdim=True),
        writing=(written * v).sum(-1, keepdim=True),
        keeping=(starts * d_ends).sum((-1, -2), keepdim=True),
    )
    return [d_q, d_k, d_v, _decay_gradient(shares, tables)], d_state


def _decay_gradient(d_shares: Tables, tables: Tables) -> Tensor:
    """Gradient of the log decays `[N, M, C]`.

    The one at step l scales what steps i >= l see of writes j < l, of the start and at the end.
    Each is summed as it stands: differences of longer sums would drown it where decays are strong.

    Args:
        d_shares: Gradients of the tables; `inside` is already multiplied by its table.
        tables: The tables.
    """
    reading = (d_shares.reading * tables.reading)[..., 0]
    writing = (d_shares.writing * tables.writing)[..., 0]
    d_decay = reading.flip(-1).cumsum(-1).flip(-1)
    d_decay += (d_shares.keeping * tables.keeping)[..., 0]
    crossing = d_shares.inside.cumsum(-1).tril_(-1).sum(-2) + writing.cumsum(-1)
    d_decay[..., 1:] += crossing[..., :-1]
    return d_decay


def _to_groups(x: Tensor, groups: int) -> Tensor:
    """`[N, B * G * R, X, V]` to `[N, B * G, X, R * V]`: one product serves all heads of a group."""
    if x.shape[1] == groups:
        return x
    return x.unflatten(1, (groups, -1)).transpose(2, 3).flatten(-2)


def _to_heads(x: Tensor, heads: int) -> Tensor:
    """`[N, B * G, X, R * V]` to `[N, B * G * R, X, V]`."""
    if x.shape[1] == heads:
        return x
    return x.unflatten(-1, (heads // x.shape[1], -1)).transpose(2, 3).flatten(1, 2)


def _share(scores: Tensor, heads: int) -> Tensor:
    """`[N, B * G, C, C]` for every head: `[N, B * G * R, C, C]`."""
    share = heads // scores.shape[1]
    return scores if share == 1 else scores.repeat_interleave(share, 1)


def _gather(scores: Tensor, groups: int) -> Tensor:
    """The transpose of `_share`: sums over the heads of a group."""
    return scores if scores.shape[1] == groups else scores.unflatten(1, (groups, -1)).sum(2)
