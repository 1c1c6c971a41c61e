"""The gated delta rule: a fading matrix memory that replaces what a key holds.

Yang, Kautz, Hatamizadeh, "Gated Delta Networks" (2024, arXiv 2412.06464), equation 10; the chunked
form is that of Yang et al., "Parallelizing Linear Transformers with the Delta Rule" (2024, arXiv
2406.06484). Keys are given normalised; otherwise the memory may grow without bound.

    S_t = exp(g_t) (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T        o_t = scale q_t^T S_t

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.ops import peers
from daneel.backbones.ops.blocks import over_blocks
from daneel.backbones.ops.carry import correcting_carry
from daneel.backbones.ops.check import Axes, check_finite, check_log_decay, check_resets
from daneel.backbones.ops.chunks import join, split
from daneel.backbones.ops.episodes import forget, number_episodes
from daneel.backbones.ops.precision import accumulator, initial_state, read_scale
from daneel.backbones.ops.scalar_tables import make_tables
from daneel.backbones.ops.triangular import solve_unit_lower

CHUNK = 64
"""Steps of a chunk: the products with the state and those inside the chunk cost about the same."""


def gated_delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    g: Tensor,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The gated delta rule over a sequence, chunk by chunk; a single step is taken directly.

    Args:
        q: Queries `[B, T, H, K]`.
        k: Keys `[B, T, H, K]`, each of length 1.
        v: Values `[B, T, H, V]`.
        beta: How much of what a key holds is replaced, 0 to 1 (to 2 for negative eigenvalues),
            `[B, T, H]`.
        g: Logarithm of each head's decay a step, 0 or less, `[B, T, H]`.
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
    _check(q, k, v, beta, g, state, resets)
    dtype = accumulator(q, k, v, beta, g, state)
    scale = read_scale(scale, q.shape[-1])
    memory = initial_state(state, (*k[:, 0].shape, v.shape[-1]), dtype, v.device)
    inputs = [q, k, v, beta, g]
    if peers.takes("gated_delta_rule", q, k, v, resets=resets):
        return peers.gated_delta_rule(inputs, memory, scale)
    if q.shape[1] == 1:
        output, memory = _step(inputs, memory, resets)
    else:
        output, memory = over_blocks(_block, CHUNK, inputs, memory, resets)
    return (scale * output).to(v.dtype), memory


def _step(inputs: list[Tensor], state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    q, k, v, beta, g = (x[:, 0].to(state.dtype)[..., None] for x in inputs)
    memory = forget(state, resets, 0) * g.exp()[..., None]
    held = (k * memory).sum(-2)
    memory = memory + k * (beta * (v[..., 0] - held))[..., None, :]
    return (q * memory).sum(-2)[:, None], memory


def _block(
    inputs: list[Tensor], state: Tensor, resets: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    """Steps of a few chunks, in which what each key replaces is solved for all steps together.

    The writes u_t = beta_t (v_t - k_t^T S) obey a triangular system, whose solution is affine in
    the state at the start of the chunk.
    """
    q, k, v, beta = (split(x, chunk, state.dtype) for x in inputs[:4])
    numbers = number_episodes(resets, 0, chunk, state.shape[1])
    tables = make_tables(split(inputs[4], chunk), numbers, state.dtype)
    beta = beta[..., None]
    right = torch.cat((beta * v, -beta * tables.reading * k), -1)
    lower = beta * (k @ k.mT) * tables.inside
    solved = solve_unit_lower(lower, right)
    given, reach = solved.split([v.shape[-1], k.shape[-1]], -1)
    back = k * tables.writing
    carried = correcting_carry(tables.keeping, None, back, given, reach, state.flatten(0, 1))
    starts, writes, last = carried
    output = ((q @ k.mT) * tables.inside) @ writes + (tables.reading * q) @ starts
    return join(output, len(state)), last.reshape(state.shape)


def gated_delta_rule_naive(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    g: Tensor,
    state: Tensor | None = None,
    scale: float | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`gated_delta_rule` as a float64 loop over time, the oracle of its tests."""
    _check(q, k, v, beta, g, state, resets)
    q, k, v, beta, g = (x.double() for x in (q, k, v, beta, g))
    decay, beta = g.exp()[..., None, None], beta[..., None]
    q = q * read_scale(scale, q.shape[-1])
    memory = k.new_zeros(*k[:, 0].shape, v.shape[-1]) if state is None else state.double()
    outputs = []
    for t in range(q.shape[1]):
        memory = forget(memory, resets, t) * decay[:, t]
        held = torch.einsum("bhk,bhkv->bhv", k[:, t], memory)
        write = beta[:, t] * (v[:, t] - held)
        memory = memory + k[:, t, :, :, None] * write[:, :, None]
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, t], memory))
    return torch.stack(outputs, 1), memory


def _check(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    g: Tensor,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = Axes()
    axes.take("q", q, "BTHK")
    axes.take("k", k, "BTHK")
    axes.take("v", v, "BTHV")
    axes.take("beta", beta, "BTH")
    axes.take("g", g, "BTH")
    if state is not None:
        axes.take("state", state, "BHKV")
    check_resets(resets, axes)
    check_finite(q=q, k=k, v=v, beta=beta, state=state)
    check_log_decay("g", g)
