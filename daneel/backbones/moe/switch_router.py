"""A learned router: each token goes to the K experts that score highest.

Fedus, Zoph, Shazeer (2021, arXiv 2101.03961) for top-1 and the balance loss, Shazeer et al. (2017,
arXiv 1701.06538) for weights normalised over the chosen, Zoph et al. (2022, arXiv 2202.08906,
equation 5) for the z loss. Load is balanced without a loss by a bias that enters the choice but not
the weights (Wang et al., 2024, arXiv 2408.15664). What differs from that paper: the bias is added
to the logits of a softmax, and moves in proportion to the missing load (clamped) rather than by its
sign, so that it comes to rest when the load is even.

Legend: N tokens, E experts, K experts of each token, D model width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributed as dist

from daneel.backbones.moe.router import Birth, Router, Routing, balance_loss_probs


class SwitchRouter(Router):
    """Scores `x` against one vector an expert and chooses the K best.

    Args:
        dim: D.
        experts: E.
        top_k: K. With 1 the weight is the probability of the expert; with more it is normalised
            over the chosen.
        temperature: Divides the logits; low is decided, high is even.
        balance_weight: Weight of the balance loss in `losses`; the bias does most of the work.
        z_weight: Weight of the z loss, which keeps logits small.
        bias_rate: How far the selection bias moves in one `rebalance`, in logits; 0 leaves it.
        generator: Draws the weights; None uses torch's.

    Raises:
        ValueError: a size or weight is out of range.
    """

    bias: Tensor

    def __init__(
        self,
        dim: int,
        experts: int,
        top_k: int = 2,
        *,
        temperature: float = 1.0,
        balance_weight: float = 1e-3,
        z_weight: float = 1e-4,
        bias_rate: float = 0.02,
        generator: torch.Generator | None = None,
    ) -> None:
        """Small weights, no bias."""
        super().__init__(experts, top_k)
        _check(dim, temperature, balance_weight, z_weight, bias_rate)
        self.temperature, self.bias_rate = temperature, bias_rate
        self.balance_weight, self.z_weight = balance_weight, z_weight
        self.weight = nn.Parameter(torch.empty(experts, dim))
        nn.init.normal_(self.weight, std=0.5 / math.sqrt(dim), generator=generator)
        self.register_buffer("bias", torch.zeros(experts))

    def route(self, x: Tensor, tokens: Tensor | None = None) -> Routing:
        """The K experts of each row of `x [N, D]`; token ids are not looked at."""
        logits = self._logits(x)
        expert = self.select(logits.detach())
        chosen = logits.gather(1, expert)
        if self.top_k == 1:
            weight = torch.exp(chosen - logits.logsumexp(1, keepdim=True))
        else:
            weight = chosen.softmax(1)
        return Routing(expert, weight.to(x.dtype), logits)

    def select(self, logits: Tensor) -> Tensor:
        """The experts `[N, K]` with the highest biased scores."""
        return (logits + self.bias).topk(self.top_k, dim=1).indices

    def losses(self) -> dict[str, Tensor]:
        """The weighted balance and z losses of the last forward."""
        return {
            "balance": self.balance_weight * self.balance_loss_probs(),
            "z": self.z_weight * self.z_loss(),
        }

    def balance_loss_probs(self) -> Tensor:
        """The balance loss of the last forward, unweighted: 1 when balanced, at most E."""
        logits, expert = self._routed()
        return balance_loss_probs(logits.softmax(1), expert)

    def z_loss(self) -> Tensor:
        """Mean square of the log partition function in the last forward, unweighted."""
        logits, _ = self._routed()
        return logits.logsumexp(1).square().mean()

    @torch.no_grad()
    def rebalance(self, group: dist.ProcessGroup | None = None) -> list[Birth]:
        """Raises the bias of experts with little load, lowers that of experts with much."""
        load = self._load(group)
        if load.any():
            self._move_bias(load)
        self.reset_load()
        return []

    def _move_bias(self, load: Tensor) -> None:
        missing = 1 - load / load.mean()
        # Biases shifted together choose the same: the mean stays zero.
        self.bias += self.bias_rate * missing.clamp(-1, 1).to(self.bias.dtype)
        self.bias -= self.bias.mean()

    def _load(self, group: dist.ProcessGroup | None) -> Tensor:
        """`[E]` float64, over all processes of the group."""
        load = self.counts.double()
        if group is not None:
            dist.all_reduce(load, group=group)
        return load

    def _logits(self, x: Tensor) -> Tensor:
        """`[N, E]`, float32 or wider also under autocast: near ties decide who serves a token."""
        with torch.autocast(x.device.type, enabled=False):
            wide = torch.promote_types(torch.promote_types(x.dtype, self.weight.dtype), torch.float)
            logits = F.linear(x.to(wide), self.weight.to(wide)) / self.temperature
        if not bool(torch.isfinite(logits).all()):
            raise ValueError(
                f"The router's logits {list(logits.shape)} of x {list(x.shape)} are not finite. "
                "Expected finite inputs and weights. Look for the step at which they diverged."
            )
        return logits

    def _routed(self) -> tuple[Tensor, Tensor]:
        if self._last is None or self._last.logits is None:
            raise ValueError(
                "The router has no last routing to take a loss of. Expected a forward before. "
                "Call the model on a batch, then read the losses."
            )
        return self._last.logits, self._last.expert


def _check(dim: int, temperature: float, balance: float, z: float, rate: float) -> None:
    """Refuses sizes and weights that route nothing."""
    for name, value, holds in (
        ("dim", dim, dim >= 1),
        ("temperature", temperature, 0 < temperature < math.inf),
        ("balance_weight", balance, 0 <= balance < math.inf),
        ("z_weight", z, 0 <= z < math.inf),
        ("bias_rate", rate, 0 <= rate < math.inf),
    ):
        if not holds:
            raise ValueError(
                f"{name} is {value}. Expected dim >= 1, temperature > 0, weights and rate >= 0, "
                "all finite. Leave it out for the default."
            )
