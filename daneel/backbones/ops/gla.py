"""Gated linear attention: a matrix memory in which every key channel fades at its own rate.

Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient Training" (2023, arXiv
2312.06635), equation 3 and section 4.

    S_t = diag(exp(g_t)) S_{t-1} + k_t v_t^T        o_t = scale q_t^T S_t

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.ops import peers
from daneel.backbones.ops.blocks import over_blocks
from daneel.backbones.ops.carry import carry
from daneel.backbones.ops.check import Axes, check_finite, check_log_decay, check_resets
from daneel.backbones.ops.chunks import join, pad_time, power_of_two, split
from daneel.backbones.ops.episodes import forget, number_episodes, same_episode
from daneel.backbones.ops.precision import accumulator, initial_state, read_scale
from daneel.backbones.ops.vector_decay import decayed_scores

CHUNK = 32
"""Steps of a chunk, a power of two."""


def gla(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gated linear attention over a sequence, chunk by chunk; a single step is taken directly.

    Args:
        q: Queries `[B, T, H, K]`.
        k: Keys `[B, T, H, K]`.
        v: Values `[B, T, H, V]`.
        log_decay: Logarithm of each channel's decay a step, 0 or less, `[B, T, H, K]`.
        state: Memory before the first step `[B, H, K, V]`; None is zero.
        scale: Of the output; None is `K ** -0.5`.
        resets: `[B, T]` bool, true where an episode begins: the memory before that step is zero.

    Returns:
        The output `[B, T, H, V]` in the dtype of v, and the memory after the last step
        `[B, H, K, V]` in float32 (float64 for float64 inputs). Both are differentiable once.

    Raises:
        ValueError: shapes, dtypes or devices disagree, a log decay is above 0, or a value is not
            finite.
    """
    _check(q, k, v, log_decay, state, resets)
    dtype = accumulator(q, k, v, log_decay, state)
    scale = read_scale(scale, q.shape[-1])
    memory = initial_state(state, (*k[:, 0].shape, v.shape[-1]), dtype, v.device)
    if peers.takes("gla", q, k, v, resets=resets):
        return peers.gla(q, k, v, log_decay, memory, scale)
    if q.shape[1] == 1:
        output, memory = _step(q, k, v, log_decay, memory, resets)
    else:
        output, memory = over_blocks(_block, CHUNK, [q, k, v, log_decay], memory, resets)
    return (scale * output).to(v.dtype), memory


def _step(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    q, k, v, log_decay = (x[:, 0].to(state.dtype) for x in (q, k, v, log_decay))
    memory = forget(state, resets, 0) * log_decay.exp()[..., None]
    memory = memory + k[..., None] * v[..., None, :]
    return (q[..., None] * memory).sum(-2)[:, None], memory


def _block(
    inputs: list[Tensor], state: Tensor, resets: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    """Steps of a few chunks: those of a chunk by scores, those before it by the state."""
    steps, size = inputs[0].shape[1], power_of_two(chunk)
    padding = 0 if size == chunk else size - steps
    q, k, v, log_decay = (split(pad_time(x, padding), size, state.dtype) for x in inputs)
    numbers = number_episodes(resets, padding, size, state.shape[1])
    scores, shares = decayed_scores(q[:, :, None], k[:, :, None], log_decay, numbers)
    scores = scores[:, :, 0, 0]
    scores = scores if numbers is None else scores * same_episode(numbers)
    write = (k * shares.writing).mT @ v
    starts, last = carry(shares.keeping, write, state.flatten(0, 1))
    output = scores @ v + (q * shares.reading) @ starts
    return join(output, len(state))[:, :steps], last.reshape(state.shape)


def gla_naive(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`gla` as a float64 loop over time, the oracle of its tests."""
    _check(q, k, v, log_decay, state, resets)
    q, k, v, decay = (x.double() for x in (q, k, v, log_decay))
    decay = decay.exp()[..., None]
    q = q * read_scale(scale, q.shape[-1])
    memory = k.new_zeros(*k[:, 0].shape, v.shape[-1]) if state is None else state.double()
    outputs = []
    for t in range(q.shape[1]):
        memory = forget(memory, resets, t) * decay[:, t] + k[:, t, :, :, None] * v[:, t, :, None]
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, t], memory))
    return torch.stack(outputs, 1), memory


def _check(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = Axes()
    axes.take("q", q, "BTHK")
    axes.take("k", k, "BTHK")
    axes.take("v", v, "BTHV")
    axes.take("log_decay", log_decay, "BTHK")
    if state is not None:
        axes.take("state", state, "BHKV")
    check_resets(resets, axes)
    check_finite(q=q, k=k, v=v, state=state)
    check_log_decay("log_decay", log_decay)
