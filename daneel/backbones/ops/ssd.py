"""State space duality, the core of Mamba-2: a linear state space with one decay per head.

Dao, Gu, "Transformers are SSMs" (2024, arXiv 2405.21060), section 6. With q = C, k = B,
v = dt x and log decay dt A it is retention whose decay depends on the token; B and C are shared by
the heads of a group.

    h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t^T        y_t = h_t C_t + D x_t

Legend: B batch, T time, H heads, G groups, P head width, N state width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.ops import peers
from daneel.backbones.ops.check import (
    Axes,
    check_finite,
    check_log_decay,
    check_positive,
    check_resets,
)
from daneel.backbones.ops.episodes import forget
from daneel.backbones.ops.precision import accumulator, initial_state
from daneel.backbones.ops.scalar_decay import scalar_decay, scalar_decay_step


def ssd(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    state: Tensor | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The Mamba-2 state space over a sequence, chunk by chunk; a single step is taken directly.

    Args:
        x: Inputs `[B, T, H, P]`.
        dt: Step sizes `[B, T, H]`, 0 or more.
        A: Rates `[H]`, below 0.
        B: Input directions `[B, T, G, N]`; G divides H, and group 0 serves the first H / G heads.
        C: Output directions `[B, T, G, N]`.
        D: Share of the input in the output `[H]`; None is zero.
        state: Memory before the first step `[B, H, P, N]`; None is zero.
        resets: `[B, T]` bool, true where an episode begins: the memory before that step is zero.

    Returns:
        The output `[B, T, H, P]` in the dtype of x, and the memory after the last step
        `[B, H, P, N]` in float32 (float64 for float64 inputs). Both are differentiable once.

    Raises:
        ValueError: shapes, dtypes or devices disagree, a step size is negative, a rate is above 0,
            or a value is not finite.
    """
    _check(x, dt, A, B, C, D, state, resets)
    dtype = accumulator(x, dt, A, B, C, D, state)
    heads, width = x.shape[2:]
    memory = initial_state(state, (len(x), heads, width, B.shape[-1]), dtype, x.device)
    if peers.takes("ssd", x, B, C, resets=resets):
        return peers.ssd(x, dt, A, B, C, D, memory)
    memory = memory.transpose(-1, -2)  # not .mT, which the ONNX exporter lacks
    inputs = x.to(dtype) * dt.to(dtype)[..., None]
    # Log decays in float64: they are small, and sums of strong ones need the digits.
    log_decay = dt.double() * A.double()
    engine = scalar_decay if x.shape[1] > 1 else scalar_decay_step
    y, memory = engine(C, B, inputs, log_decay, memory, 1.0, resets)
    y = y if D is None else torch.addcmul(y, D.to(dtype)[:, None], x.to(dtype))
    return y.to(x.dtype), memory.transpose(-1, -2).contiguous()


def ssd_naive(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    state: Tensor | None = None,
    *,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`ssd` as a float64 loop over time, the oracle of its tests."""
    _check(x, dt, A, B, C, D, state, resets)
    share = x.shape[2] // B.shape[2]
    x, dt, A, B, C = (tensor.double() for tensor in (x, dt, A, B, C))
    B, C = (tensor.repeat_interleave(share, 2) for tensor in (B, C))
    decay = (dt * A).exp()[..., None, None]
    inputs = x * dt[..., None]
    memory = x.new_zeros(*x[:, 0].shape, B.shape[-1]) if state is None else state.double()
    outputs = []
    for t in range(x.shape[1]):
        write = inputs[:, t, :, :, None] * B[:, t, :, None]
        memory = forget(memory, resets, t) * decay[:, t] + write
        outputs.append(torch.einsum("bhpn,bhn->bhp", memory, C[:, t]))
    y = torch.stack(outputs, 1)
    return (y if D is None else y + D.double()[:, None] * x), memory


def _check(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
) -> None:
    axes = Axes()
    axes.take("x", x, "BTHP")
    axes.take("dt", dt, "BTH")
    axes.take("A", A, "H")
    axes.take("B", B, "BTGN")
    axes.take("C", C, "BTGN")
    if D is not None:
        axes.take("D", D, "H")
    if state is not None:
        axes.take("state", state, "BHPN")
    check_resets(resets, axes)
    if x.shape[2] % B.shape[2]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, {x.shape[2]} heads, and B has shape {tuple(B.shape)}, "
            f"{B.shape[2]} groups. Expected the groups to divide the heads. Change either number."
        )
    check_finite(x=x, B=B, C=C, D=D, state=state)
    check_positive("dt", dt)
    check_log_decay("A", A)
