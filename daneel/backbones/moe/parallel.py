"""Expert parallelism: each process keeps a part of the experts and tokens travel to them.

Two exchanges of rows a forward and two a backward (Lepikhin et al., 2020, arXiv 2006.16668), with
as many rows as there are, no capacity. Each process has its own tokens; the router is replicated.

Legend: W processes, E experts, N tokens of this process, R rows sorted by expert, D model width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from daneel.backbones.moe.dispatch import combine, dispatch, sort
from daneel.backbones.moe.elastic_router import ElasticMoERouter
from daneel.backbones.moe.experts import Experts
from daneel.backbones.moe.layer import MoELayer, flatten


class ExpertParallel(nn.Module):
    """A `MoELayer` of which this process keeps E / W experts, in the order of the ranks.

    Every process builds the same layer (the same generator) and wraps it. After a backward of the
    sum of all processes' losses, `experts` holds complete gradients; those of `router` belong to
    this process's tokens and are added up like those of any replicated parameter.

    Args:
        layer: The whole layer; this process's part of its weights is copied.
        group: Processes that share the experts; None is all of them.

    Raises:
        ValueError: experts cannot be dealt out evenly, or they come and go.
    """

    def __init__(self, layer: MoELayer, group: dist.ProcessGroup | None = None) -> None:
        """Keeps this rank's experts."""
        super().__init__()
        self.group = dist.group.WORLD if group is None else group
        self.size, rank = dist.get_world_size(self.group), dist.get_rank(self.group)
        self.dim, self.router = layer.dim, layer.router
        experts = layer.router.experts
        if experts % self.size or isinstance(layer.router, ElasticMoERouter):
            raise ValueError(
                f"{experts} experts of a {type(layer.router).__name__} on {self.size} processes. "
                "Expected a multiple of the processes and a fixed number of experts. Use "
                "SwitchRouter or HashRouter with such a number."
            )
        self.local = experts // self.size
        _, dim, hidden = layer.experts.up.shape
        self.experts = Experts(dim, hidden, self.local).to(layer.experts.up)
        mine = slice(rank * self.local, (rank + 1) * self.local)
        with torch.no_grad():
            self.experts.up.copy_(layer.experts.up[mine])
            self.experts.down.copy_(layer.experts.down[mine])

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Tensor:
        """As `MoELayer`; every process of the group must call it, with tokens of its own."""
        flat = flatten(x, self.dim)
        routing = self.router(flat, tokens)
        order = sort(routing, self.router.experts)
        rows = self._serve(dispatch(flat, order), order.counts)
        return combine(rows, routing.weight.to(rows.dtype), order).reshape(x.shape)

    def rebalance(self) -> None:
        """Lets the router adapt to the load of all processes."""
        self.router.rebalance(self.group)

    def _serve(self, rows: Tensor, counts: tuple[int, ...]) -> Tensor:
        """Sends sorted rows to the owners of their experts and brings the outputs back."""
        sending = torch.tensor(counts, device=rows.device).view(self.size, self.local)
        arriving = torch.empty_like(sending)
        dist.all_to_all_single(arriving, sending, group=self.group)
        sent, received = sending.sum(1).tolist(), arriving.sum(1).tolist()
        guests = _exchange(rows, sent, received, self.group)
        # Guests are sorted by (origin, expert); the experts want them sorted by expert.
        expert = torch.arange(self.local, device=rows.device).repeat(self.size)
        pair = expert.repeat_interleave(arriving.flatten()).argsort(stable=True)
        served = self.experts(guests[pair], arriving.sum(0).tolist())
        return _exchange(served[pair.argsort()], received, sent, self.group)


def _exchange(
    rows: Tensor, sent: list[int], received: list[int], group: dist.ProcessGroup | None
) -> Tensor:
    result: Any = _Exchange.apply(rows, sent, received, group)
    return result


class _Exchange(torch.autograd.Function):
    """Rows to the other processes; the gradients take the way back."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        sent: list[int],
        received: list[int],
        group: dist.ProcessGroup | None,
    ) -> Tensor:
        ctx.splits = (received, sent, group)
        out = rows.new_empty(sum(received), rows.shape[1])
        dist.all_to_all_single(out, rows.contiguous(), received, sent, group=group)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        sent, received, group = ctx.splits
        out = grads[0].new_empty(sum(received), grads[0].shape[1])
        dist.all_to_all_single(out, grads[0].contiguous(), received, sent, group=group)
        return out, None, None, None
