"""The RWKV-7 memory: every key channel fades at its own rate, plus a correction of rank one.

Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution" (2025, arXiv 2503.14456),
section 3. The layer passes a = -k^ and b = k^ * (in-context learning rate); any a and b are allowed
here.

    S_t = diag(exp(w_t)) S_{t-1} + b_t (a_t^T S_{t-1}) + k_t v_t^T        o_t = scale r_t^T S_t

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from daneel.backbones.ops import peers
from daneel.backbones.ops.blocks import over_blocks
from daneel.backbones.ops.carry import correcting_carry
from daneel.backbones.ops.check import (
    Axes,
    check_finite,
    check_log_decay,
    check_resets,
    known_above,
)
from daneel.backbones.ops.chunks import join, pad_time, power_of_two, split
from daneel.backbones.ops.episodes import forget, number_episodes, same_episode
from daneel.backbones.ops.precision import accumulator, initial_state
from daneel.backbones.ops.triangular import solve_unit_lower
from daneel.backbones.ops.vector_decay import Shares, decayed_scores
from daneel.backbones.ops.wkv7_slow_decay import FASTEST, wkv7_slow_decay

CHUNK = 32
"""Steps of a chunk, a power of two."""


def wkv7(
    r: Tensor,
    w: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    state: Tensor | None = None,
    scale: float = 1.0,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The RWKV-7 memory over a sequence, chunk by chunk; a single step is taken directly.

    On a CPU, where all decays of a call are slow, its chunks are the cheaper ones of
    `wkv7_slow_decay.py`: equal up to rounding.

    Args:
        r: Receptances, what is read, `[B, T, H, K]`.
        w: Logarithm of each channel's decay a step, 0 or less, `[B, T, H, K]`.
        k: Keys `[B, T, H, K]`.
        v: Values `[B, T, H, V]`.
        a: What the correction reads, `[B, T, H, K]`.
        b: Where the correction writes, `[B, T, H, K]`.
        state: Memory before the first step `[B, H, K, V]`; None is zero.
        scale: Of the output.
        resets: `[B, T]` bool, true where an episode begins: the memory before that step is zero.

    Returns:
        The output `[B, T, H, V]` in the dtype of v, and the memory after the last step
        `[B, H, K, V]` in float32 (float64 for float64 inputs). Both are differentiable once.

    Raises:
        ValueError: shapes, dtypes or devices disagree, a log decay is above 0, or a value is not
            finite.
    """
    _check(r, w, k, v, a, b, state, resets)
    dtype = accumulator(r, w, k, v, a, b, state)
    memory = initial_state(state, (*k[:, 0].shape, v.shape[-1]), dtype, v.device)
    inputs = [r, w, k, v, a, b]
    if peers.takes("wkv7", r, k, v, a, b, resets=resets):
        return peers.wkv7(inputs, memory, scale)
    if r.shape[1] == 1:
        output, memory = _step(inputs, memory, resets)
    elif known_above(w, -FASTEST):
        output, memory = wkv7_slow_decay(inputs, memory, resets)
    else:
        output, memory = over_blocks(_block, CHUNK, inputs, memory, resets)
    return (output if scale == 1 else scale * output).to(v.dtype), memory


def _step(inputs: list[Tensor], state: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    r, w, k, v, a, b = (x[:, 0].to(state.dtype) for x in inputs)
    state = forget(state, resets, 0)
    held = (a[..., None] * state).sum(-2, keepdim=True)
    memory = state * w.exp()[..., None] + b[..., None] * held + k[..., None] * v[..., None, :]
    return (r[..., None] * memory).sum(-2)[:, None], memory


def _block(
    inputs: list[Tensor], state: Tensor, resets: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    """Steps of a few chunks, in which u_t = a_t^T S_{t-1} is solved for all t together.

    The solution is affine in the state at the start of the chunk.
    """
    steps, size = inputs[0].shape[1], power_of_two(chunk)
    padding = 0 if size == chunk else size - steps
    r, w, k, v, a, b = (split(pad_time(x, padding), size, state.dtype) for x in inputs)
    numbers = number_episodes(resets, padding, size, state.shape[1])
    (r_k, r_b), (a_k, a_b), shares = _scores(r, a, k, b, w, numbers)
    solved = solve_unit_lower(-a_b, torch.cat((a_k @ v, a * shares.before), -1))
    given, reach = solved.split([v.shape[-1], k.shape[-1]], -1)
    write, back = (k * shares.writing).mT @ v, b * shares.writing
    carried = correcting_carry(shares.keeping, write, back, given, reach, state.flatten(0, 1))
    starts, u, last = carried
    output = r_k @ v + r_b @ u + (r * shares.reading) @ starts
    return join(output, len(state))[:, :steps], last.reshape(state.shape)


def _scores(
    r: Tensor, a: Tensor, k: Tensor, b: Tensor, w: Tensor, numbers: Tensor | None
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Shares]:
    """What r and a see of the writes of k and b inside the chunk, `[N, M, C, C]` each; the shares.

    a reads the state before its own step: it is the a of step i + 1 that meets the decays up to i.
    """
    following = F.pad(a[..., 1:, :], (0, 0, 0, 1))
    rows, columns = torch.stack((r, following), 2), torch.stack((k, b), 2)
    scores, shares = decayed_scores(rows, columns, w, numbers)
    now, shifted = scores.unbind(2)
    before = F.pad(shifted[..., :-1, :], (0, 0, 1, 0))
    if numbers is not None:
        same = same_episode(numbers)[:, :, None]
        now, before = now * same, before * same
    return now.unbind(2), before.unbind(2), shares


def wkv7_naive(
    r: Tensor,
    w: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    state: Tensor | None = None,
    scale: float = 1.0,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`wkv7` as a float64 loop over time, the oracle of its tests."""
    _check(r, w, k, v, a, b, state, resets)
    r, w, k, v, a, b = (x.double() for x in (r, w, k, v, a, b))
    r, decay = r * scale, w.exp()[..., None]
    memory = k.new_zeros(*k[:, 0].shape, v.shape[-1]) if state is None else state.double()
    outputs = []
    for t in range(r.shape[1]):
        memory = forget(memory, resets, t)
        held = torch.einsum("bhk,bhkv->bhv", a[:, t], memory)
        write = b[:, t, :, :, None] * held[:, :, None] + k[:, t, :, :, None] * v[:, t, :, None]
        memory = memory * decay[:, t] + write
        outputs.append(torch.einsum("bhk,bhkv->bhv", r[:, t], memory))
    return torch.stack(outputs, 1), memory


def _check(
    r: Tensor,
    w: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = Axes()
    for name, tensor in {"r": r, "w": w, "k": k, "a": a, "b": b}.items():
        axes.take(name, tensor, "BTHK")
    axes.take("v", v, "BTHV")
    if state is not None:
        axes.take("state", state, "BHKV")
    check_resets(resets, axes)
    check_finite(r=r, k=k, v=v, a=a, b=b, state=state)
    check_log_decay("w", w)
