"""The barest layer around each operator: projections in and out, nothing else.

A backbone's own layer has more (short convolutions, norms, gates, wider insides), so its time says
what the block costs, and this one what the recurrence costs, beside attention with equal
projections.

Legend: B batch, T time, D model width, H heads, K head width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.backbones import State, ops

HEADS = 4

Operator = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""Projections `[B, T, n D]`, rates `[B, T, m H]` and a state, to `[B, T, H, K]` and the state."""


class OperatorLayer(nn.Module):
    """`x [B, T, D]` to the same shape through one operator.

    Args:
        operator: What is measured.
        dim: D.
        parts: Projections of width D that it takes.
        rates: Numbers a head that it takes besides.
    """

    def __init__(self, operator: Operator, dim: int, parts: int, rates: int = 0) -> None:
        """Projections without biases, as the attention beside it has them."""
        super().__init__()
        self.operator = operator
        self.inputs = nn.Linear(dim, parts * dim, bias=False)
        self.rates = nn.Linear(dim, rates * HEADS) if rates else None
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The operator between the projections, its state carried."""
        rates = x if self.rates is None else self.rates(x)
        before = None if state is None else state.get("s")
        y, after = self.operator(self.inputs(x), rates, before)
        return self.out(y.flatten(2)), {"s": after}


def operator_layers(dim: int) -> dict[str, nn.Module]:
    """Every operator that has a bar, by the name of the backbone with the same recurrence."""
    return {
        "retention": OperatorLayer(_retention, dim, 3),
        "mamba2": OperatorLayer(_ssd, dim, 3, 1),
        "delta": OperatorLayer(_delta, dim, 3, 2),
        "rwkv": OperatorLayer(_wkv7, dim, 5),
        "hyena": LongConvLayer(dim),
    }


class LongConvLayer(nn.Module):
    """Gates around a convolution as long as the sequence, its taps learned one by one."""

    def __init__(self, dim: int, taps: int = 2**16) -> None:
        """Taps `[D, L]` that fade."""
        super().__init__()
        self.inputs = nn.Linear(dim, 3 * dim, bias=False)
        fade = torch.exp(-torch.arange(taps) / 256.0)
        self.taps = nn.Parameter(fade.expand(dim, -1) / 16)
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`x [B, T, D]` of one block; nothing is carried."""
        a, b, c = self.inputs(x).chunk(3, -1)
        return self.out(a * ops.long_conv(b * c, self.taps[:, : x.shape[1]])), {}


def _heads(x: Tensor, parts: int) -> tuple[Tensor, ...]:
    """`[B, T, n D]` to n times `[B, T, H, K]`."""
    return x.unflatten(2, (parts, HEADS, -1)).unbind(2)


def _retention(x: Tensor, rates: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    q, k, v = _heads(x, 3)
    return ops.retention(q, k, v, state=state)


def _ssd(x: Tensor, rates: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    c, b, v = _heads(x, 3)
    rate = -torch.ones(HEADS, device=x.device)
    return ops.ssd(v, F.softplus(rates), rate, b, c, state=state)


def _delta(x: Tensor, rates: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    q, k, v = _heads(x, 3)
    strength, decay = rates.chunk(2, -1)
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    return ops.gated_delta_rule(q, k, v, strength.sigmoid(), F.logsigmoid(decay), state)


def _wkv7(x: Tensor, rates: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    r, w, k, v, a = _heads(x, 5)
    erased = F.normalize(k, dim=-1)
    # The slowest decay that the paper allows a channel: exp(-exp(-0.5)).
    log_decay = -0.6065306597 * w.sigmoid()
    return ops.wkv7(r, log_decay, k, v, -erased, erased * a.sigmoid(), state)
