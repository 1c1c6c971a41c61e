"""What every router shares: its choice, the load it caused, and the losses read afterwards.

Legend: N tokens, E experts, K experts chosen for each token, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist


@dataclass(frozen=True)
class Routing:
    """Which experts serve each token, and with which weight."""

    expert: Tensor
    """`[N, K]` int64, K different experts a token."""
    weight: Tensor
    """`[N, K]`, what each chosen expert's output is multiplied by."""
    logits: Tensor | None = None
    """`[N, E]` scores before any selection bias, with gradient; None without a learned router."""


@dataclass(frozen=True)
class LoadReport:
    """How the assignments since `reset_load` were spread over the active experts."""

    counts: tuple[int, ...]
    """Assignments of each active expert."""
    spread: float
    """Standard deviation of the counts over their mean; 0 is perfect balance."""
    max_violation: float
    """Largest count over the mean, minus 1 (MaxVio of arXiv 2408.15664)."""
    drop_rate: float
    """Share of assignments that were not served; the dispatch here serves all of them."""


@dataclass(frozen=True)
class Birth:
    """An expert that begins as a copy of another."""

    child: int
    """Index of the new expert."""
    parent: int
    """Index of the expert it copies."""


def balance_loss_probs(probs: Tensor, expert: Tensor) -> Tensor:
    """The balance loss of Fedus et al. (2021, arXiv 2101.03961), equation 4: 1 when balanced.

    E times the sum over experts of (share of the assignments) x (mean probability); the gradient
    flows through the probabilities.

    Args:
        probs: `[N, E]`, rows sum to 1.
        expert: `[N, K]` int64, the experts chosen.

    Raises:
        ValueError: the shapes do not belong together.
    """
    if probs.dim() != 2 or expert.dim() != 2 or len(probs) != len(expert) or not len(probs):
        raise ValueError(
            f"balance_loss_probs got probs {list(probs.shape)} and expert {list(expert.shape)}. "
            "Expected [N, E] and [N, K] with the same N >= 1. Flatten batch and time first."
        )
    experts = probs.shape[1]
    share = torch.bincount(expert.flatten(), minlength=experts).to(probs.dtype) / expert.numel()
    return experts * (share * probs.mean(0)).sum()


def token_drop_rate(counts: Tensor | Sequence[int], capacity_factor: float = math.inf) -> float:
    """Share of assignments that a layer of limited capacity would drop.

    Args:
        counts: `[E]` assignments of each expert.
        capacity_factor: Room of an expert in mean loads; infinite is a dropless layer: 0.

    Raises:
        ValueError: the factor is not positive.
    """
    if not capacity_factor > 0:
        raise ValueError(
            f"capacity_factor is {capacity_factor}. Expected a number above 0, as in 1.25. "
            "Leave it out for a dropless layer."
        )
    load = torch.as_tensor(counts, dtype=torch.float64)
    total = float(load.sum())
    if total == 0 or math.isinf(capacity_factor):
        return 0.0
    room = capacity_factor * total / load.numel()
    return float((load - room).clamp(min=0).sum()) / total


class Router(nn.Module):
    """Chooses experts for tokens, and counts what it chose.

    Args:
        experts: E.
        top_k: K, experts of each token.

    Raises:
        ValueError: not 1 <= top_k <= experts.
    """

    counts: Tensor

    def __init__(self, experts: int, top_k: int) -> None:
        """Nothing counted yet."""
        super().__init__()
        if not 1 <= top_k <= experts:
            raise ValueError(
                f"top_k is {top_k} and experts is {experts}. Expected 1 <= top_k <= experts. "
                "Ask for more experts or fewer of them a token."
            )
        self.experts, self.top_k = experts, top_k
        self.register_buffer("counts", torch.zeros(experts, dtype=torch.int64), persistent=False)
        self._last: Routing | None = None

    def route(self, x: Tensor, tokens: Tensor | None) -> Routing:
        """The choice for `x [N, D]` with token ids `[N]`, without counting."""
        raise NotImplementedError

    def forward(self, x: Tensor, tokens: Tensor | None = None) -> Routing:
        """The choice for `x [N, D]`; counts it and keeps it for `losses`."""
        routing = self.route(x, tokens)
        self._last = routing
        self.counts += torch.bincount(routing.expert.flatten(), minlength=self.experts)
        return routing

    def losses(self) -> dict[str, Tensor]:
        """Weighted auxiliary losses of the last forward by name, with gradient; maybe none."""
        return {}

    def rebalance(self, group: dist.ProcessGroup | None = None) -> list[Birth]:
        """Adapts to the load since the last call, once an optimiser step; returns new experts.

        Args:
            group: Processes that share these experts; their loads are added. None is this one.
        """
        self.reset_load()
        return []

    def active_experts(self) -> list[int]:
        """Indices of the experts that can be chosen."""
        return list(range(self.experts))

    def load_report(self) -> LoadReport:
        """The load since the last `reset_load` (or `rebalance`)."""
        load = self.counts[self.active_experts()].double()
        mean = float(load.mean().clamp(min=1e-300))
        return LoadReport(
            counts=tuple(int(count) for count in load.tolist()),
            spread=float(load.std(correction=0)) / mean,
            max_violation=float(load.max()) / mean - 1 if load.any() else 0.0,
            drop_rate=self.token_drop_rate(),
        )

    def token_drop_rate(self, capacity_factor: float = math.inf) -> float:
        """As the function, for the load counted here: 0 unless a capacity is given."""
        return token_drop_rate(self.counts[self.active_experts()], capacity_factor)

    def reset_load(self) -> None:
        """Counts from zero."""
        self.counts.zero_()

    def __getstate__(self) -> dict[str, Any]:
        """All but the last routing: its graph can be neither copied nor saved."""
        return {**self.__dict__, "_last": None}

    def __call__(self, *args: Any, **kwargs: Any) -> Routing:
        """As `forward`, typed."""
        return super().__call__(*args, **kwargs)
