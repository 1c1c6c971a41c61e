"""The mixture-of-experts layer, which stands where a backbone has its MLP.

Legend: B batch, T time, D model width, F hidden width of an expert, N = B T tokens, E experts,
K experts of each token.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.moe.dispatch import combine, dispatch, sort
from daneel.backbones.moe.experts import Experts
from daneel.backbones.moe.router import Router, Routing


class MoELayer(nn.Module):
    """`y = sum over the chosen experts of weight x expert(x)`, every token on its own.

    Dropless: every assignment is served. The cost is that of K experts a token, plus the router.
    Losses are read from the router after the forward (`auxiliary_loss(model)`), and `rebalance`
    is called once an optimiser step; a forward by itself changes only the load counters, so that
    it may be repeated (gradient checkpointing).

    Args:
        dim: D.
        hidden: F.
        experts: E.
        router: Chooses among E experts.
        generator: Draws the weights; None uses torch's.

    Raises:
        ValueError: sizes out of range, or a router of another number of experts.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        experts: int,
        router: Router,
        generator: torch.Generator | None = None,
    ) -> None:
        """Draws the experts."""
        super().__init__()
        if router.experts != experts:
            raise ValueError(
                f"The layer has {experts} experts and its router {router.experts}. Expected the "
                "same number. Build the router with experts=experts."
            )
        self.dim = dim
        self.router = router
        self.experts = Experts(dim, hidden, experts, generator)

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        """`x [B, T, D]` (any leading axes) to the same shape.

        Args:
            x: Inputs.
            tokens: Integer ids, one for each row of x; only routers by token look at them.

        Raises:
            ValueError: x is empty or of another width, or the router refuses.
        """
        flat = flatten(x, self.dim)
        routing = self.router(flat, tokens)
        order = sort(routing, self.router.experts)
        rows = self.experts(dispatch(flat, order), order.counts)
        return combine(rows, routing.weight.to(rows.dtype), order).reshape(x.shape)

    def rebalance(self) -> None:
        """Lets the router adapt to its load; experts that it adds begin as copies."""
        for birth in self.router.rebalance():
            self.experts.copy(birth.parent, birth.child)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """As `forward`, typed."""
        return super().__call__(*args, **kwargs)


def flatten(x: Tensor, dim: int) -> Tensor:
    """`x [..., D]` to `[N, D]`, refused when it is empty, of another width, or of integers."""
    if x.dim() < 2 or x.shape[-1] != dim or not x.numel() or not x.is_floating_point():
        raise ValueError(
            f"x is {x.dtype} {list(x.shape)}. Expected floats [..., {dim}] with at least one row. "
            "Give the layer the width of the model and leave out empty batches."
        )
    return x.reshape(-1, dim)


def moe_naive(x: Tensor, experts: Experts, routing: Routing) -> Tensor:
    """The layer's `y [N, D]` of `x [N, D]`, token by token in float64: the oracle."""
    outputs = []
    for row, chosen, weights in zip(x.double(), routing.expert, routing.weight, strict=True):
        y = torch.zeros_like(row)
        for expert, weight in zip(chosen.tolist(), weights.double(), strict=True):
            hidden = F.silu(row @ experts.up[expert].double())
            y = y + weight * (hidden @ experts.down[expert].double())
        outputs.append(y)
    return torch.stack(outputs)


def auxiliary_loss(model: nn.Module) -> Tensor:
    """The sum of every router's weighted losses of the last forward; 0 without a router."""
    terms = [
        term
        for router in model.modules()
        if isinstance(router, Router)
        for term in router.losses().values()
    ]
    return torch.stack(terms).sum() if terms else torch.zeros(())


def rebalance(model: nn.Module) -> None:
    """Lets every mixture of `model` adapt to its load; call it once an optimiser step."""
    for layer in model.modules():
        adapt = getattr(layer, "rebalance", None)
        if adapt is not None and not isinstance(layer, Router):
            adapt()
