"""A router whose number of active experts follows the measured load.

Traffic (assignments a step, a moving average) divided by `tokens_per_expert` is how many experts
are wanted. One is added or retired at a time, after `patience` steps of the same wish:

- Added: a copy of the busiest expert, weights and routing vector, with a selection bias so low that
  no token of the last batch chooses it. Outputs do not change at that moment; `rebalance` then
  pulls load towards it little by little.
- Retired: its bias sinks by `fade` a step, so its tokens leave one margin after the other. When it
  serves none it is switched off, which again changes no output.

Because the weights of the chosen experts are normalised among themselves, an active expert that is
not chosen has no influence at all; with one expert a token it would have (its probability is a
share of all), so K >= 2.

Legend: N tokens, E experts at most, K experts of each token, D model width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from daneel.backbones.moe.router import Birth
from daneel.backbones.moe.switch_router import SwitchRouter


class ElasticMoERouter(SwitchRouter):
    """A `SwitchRouter` with between `least` and `experts` active experts.

    Args:
        dim: D.
        experts: E, the most there can be; memory for all of them is allotted.
        start: How many are active at first.
        tokens_per_expert: Assignments a step that one expert is meant to serve.
        least: How few there can be, at least K.
        top_k: K, 2 or more.
        patience: Steps for which the load must ask for the same change.
        fade: How far the bias of a retiring expert sinks in a step, in logits.
        settings: As for `SwitchRouter`.

    Raises:
        ValueError: sizes out of range.
    """

    active: Tensor
    retiring: Tensor
    traffic: Tensor
    wish: Tensor

    SMOOTHING = 0.2

    def __init__(
        self,
        dim: int,
        experts: int,
        start: int,
        tokens_per_expert: float,
        *,
        least: int = 2,
        top_k: int = 2,
        patience: int = 5,
        fade: float = 0.1,
        **settings: Any,
    ) -> None:
        """The first `start` experts are active."""
        super().__init__(dim, experts, top_k, **settings)
        if not 2 <= top_k <= least <= start <= experts:
            raise ValueError(
                f"top_k {top_k}, least {least}, start {start}, experts {experts}. "
                "Expected 2 <= top_k <= least <= start <= experts. Raise the later ones."
            )
        if not (0 < tokens_per_expert < math.inf and patience >= 1 and 0 < fade < math.inf):
            raise ValueError(
                f"tokens_per_expert {tokens_per_expert}, patience {patience}, fade {fade}. "
                "Expected numbers above 0 and a patience of 1 or more. Try the defaults."
            )
        self.least, self.tokens_per_expert = least, tokens_per_expert
        self.patience, self.fade = patience, fade
        self.register_buffer("active", torch.arange(experts) < start)
        self.register_buffer("retiring", torch.zeros(experts, dtype=torch.bool))
        self.register_buffer("traffic", torch.zeros((), dtype=torch.float64))
        self.register_buffer("wish", torch.zeros((), dtype=torch.int64))

    def select(self, logits: Tensor) -> Tensor:
        """The active experts `[N, K]` with the highest biased scores."""
        return self._scores(logits).topk(self.top_k, dim=1).indices

    def active_experts(self) -> list[int]:
        """Indices of the experts that can be chosen, retiring ones included."""
        return self.active.nonzero().flatten().tolist()

    def balance_loss_probs(self) -> Tensor:
        """As for `SwitchRouter`, over the active experts."""
        logits, expert = self._routed()
        probs = logits.masked_fill(~self.active, -math.inf).softmax(1)
        share = torch.bincount(expert.flatten(), minlength=self.experts) / expert.numel()
        return int(self.active.sum()) * (share.to(probs.dtype) * probs.mean(0)).sum()

    def z_loss(self) -> Tensor:
        """As for `SwitchRouter`, over the active experts."""
        logits, _ = self._routed()
        return logits.masked_fill(~self.active, -math.inf).logsumexp(1).square().mean()

    def wanted(self) -> int:
        """How many experts the measured traffic asks for."""
        asked = math.ceil(float(self.traffic) / self.tokens_per_expert)
        return min(max(asked, self.least), self.experts)

    @torch.no_grad()
    def rebalance(self, group: dist.ProcessGroup | None = None) -> list[Birth]:
        """Moves biases, switches off who has faded, and adds or retires one expert if asked."""
        load = self._load(group)
        self.reset_load()
        if not load.any():
            return []
        self._measure(float(load.sum()))
        self._move_bias(load)
        self._fade(load)
        if abs(int(self.wish)) < self.patience:
            return []
        growing = int(self.wish) > 0
        self.wish.zero_()
        return self._add(load) if growing else self._retire(load)

    def _measure(self, assignments: float) -> None:
        rate = self.SMOOTHING if self.traffic > 0 else 1.0
        self.traffic += rate * (assignments - self.traffic)
        gap = self.wanted() - int((self.active & ~self.retiring).sum())
        same = gap * int(self.wish) >= 0
        self.wish.copy_(torch.tensor((int(self.wish) if same else 0) + (gap > 0) - (gap < 0)))
        if gap == 0:
            self.wish.zero_()

    def _move_bias(self, load: Tensor) -> None:
        staying = self.active & ~self.retiring
        missing = 1 - load / load[staying].mean().clamp(min=1)
        step = self.bias_rate * missing.clamp(-1, 1).to(self.bias.dtype)
        self.bias += torch.where(staying, step, torch.zeros_like(step))
        self.bias -= self.bias[staying].mean()

    def _fade(self, load: Tensor) -> None:
        gone = self.retiring & (load == 0)
        self.active &= ~gone
        self.retiring &= ~gone
        self.bias -= self.fade * self.retiring.to(self.bias.dtype)

    def _add(self, load: Tensor) -> list[Birth]:
        if self.retiring.any():  # cheaper than a new one: it only has to stay
            index = int(self.retiring.to(torch.int64).argmax())
            self.retiring[index] = False
            return []
        free = (~self.active).nonzero().flatten()
        if not len(free):
            return []
        parent, child = int(load.argmax()), int(free[0])
        self.bias[child] = self._unchosen_bias(parent)
        self.weight[child] = self.weight[parent]
        self.active[child] = True
        return [Birth(child, parent)]

    def _unchosen_bias(self, parent: int) -> Tensor:
        """The highest bias with which a copy of `parent` serves no token of the last batch."""
        logits, _ = self._routed()
        least_chosen = self._scores(logits.detach()).topk(self.top_k, dim=1).values[:, -1]
        bias = (least_chosen - logits.detach()[:, parent]).min().to(self.bias.dtype)
        return bias - 1e-3 * (1 + bias.abs())

    def _retire(self, load: Tensor) -> list[Birth]:
        staying = self.active & ~self.retiring
        if int(staying.sum()) > self.least:
            self.retiring[int(load.masked_fill(~staying, math.inf).argmin())] = True
        return []

    def _scores(self, logits: Tensor) -> Tensor:
        return (logits + self.bias).masked_fill(~self.active, -math.inf)
