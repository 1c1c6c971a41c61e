"""Retention: a matrix memory that fades at one rate per head.

Sun et al., "Retentive Network" (2023, arXiv 2307.08621), equations 5 to 7, and with a decay that
depends on the token the gated retention of Sun et al., "You Only Cache Once" (2024, arXiv
2405.05254). Rotary positions and the group norm are the layer's, not the operator's.

    S_t = exp(g_t) S_{t-1} + k_t v_t^T        o_t = scale q_t^T S_t

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from daneel.backbones.ops import peers
from daneel.backbones.ops.check import Axes, check_finite, check_log_decay, check_resets
from daneel.backbones.ops.episodes import forget
from daneel.backbones.ops.parallel_retention import SHORT, parallel_retention
from daneel.backbones.ops.precision import accumulator, initial_state, read_scale
from daneel.backbones.ops.scalar_decay import scalar_decay, scalar_decay_step


def default_log_decay(heads: int, device: torch.device | None = None) -> Tensor:
    """The paper's `log(1 - 2^(-5-h))` for heads h = 0, 1, ..., float64 `[H]`."""
    rates = [math.log1p(-(2.0 ** (-5.0 - head))) for head in range(heads)]
    return torch.tensor(rates, dtype=torch.float64, device=device)


def retention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor | None = None,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Retention over a sequence: chunk by chunk, a short one at once, a single step directly.

    Args:
        q: Queries `[B, T, H, K]`.
        k: Keys `[B, T, H, K]`.
        v: Values `[B, T, H, V]`.
        log_decay: Logarithm of each head's decay a step, 0 or less: `[H]`, or `[B, T, H]` where it
            depends on the token. None is `default_log_decay`.
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
    log_decay = default_log_decay(q.shape[2], q.device) if log_decay is None else log_decay
    scale = read_scale(scale, q.shape[-1])
    at_peers = peers.takes("retention", q, k, v, resets=resets)
    constant = log_decay.ndim == 1 and not log_decay.requires_grad and resets is None
    constant = constant and not torch.compiler.is_compiling()  # kept tables belong to no graph
    if constant and not at_peers and 1 < q.shape[1] <= SHORT:
        return parallel_retention(q, k, v, log_decay, state, scale, dtype)
    memory = initial_state(state, (*k[:, 0].shape, v.shape[-1]), dtype, v.device)
    if at_peers:
        return peers.retention(q, k, v, log_decay, memory, scale)
    if q.shape[1] > 1:
        return scalar_decay(q, k, v, log_decay, memory, scale, resets)
    return scalar_decay_step(q, k, v, log_decay, memory, scale, resets)


def retention_naive(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor | None = None,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`retention` as a float64 loop over time, the oracle of its tests."""
    _check(q, k, v, log_decay, state, resets)
    log_decay = default_log_decay(q.shape[2], q.device) if log_decay is None else log_decay
    decay = log_decay.double().exp().expand(q.shape[:3])[..., None, None]
    q, k, v = (x.double() for x in (q, k, v))
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
    log_decay: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = Axes()
    axes.take("q", q, "BTHK")
    axes.take("k", k, "BTHK")
    axes.take("v", v, "BTHV")
    check_finite(q=q, k=k, v=v, state=state)
    if log_decay is not None:
        axes.take("log_decay", log_decay, "H" if log_decay.ndim == 1 else "BTH")
        check_log_decay("log_decay", log_decay)
    if state is not None:
        axes.take("state", state, "BHKV")
    check_resets(resets, axes)
