"""Low-rank updates of a frozen linear layer (Hu et al., 2021, arXiv 2106.09685).

Legend: I inputs, O outputs, r rank.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.adapters.quant_linear import QuantLinear


class LoRALinear(nn.Module):
    """`y = base(x) + alpha / r (x down^T) up^T`; only `down` and `up` learn.

    Loads its own state and that of the `nn.Linear` it stands for; the update is then left alone.

    Args:
        base: The layer; it is frozen.
        rank: r.
        alpha: Scale of the update, in units of r.
        generator: Draws `down`; None uses torch's. `up` begins at zero: the output is the base's.

    Raises:
        ValueError: rank or alpha out of range.
    """

    def __init__(
        self,
        base: nn.Linear | QuantLinear,
        rank: int = 8,
        alpha: float = 16.0,
        generator: torch.Generator | None = None,
    ) -> None:
        """Freezes the base."""
        super().__init__()
        inputs, outputs = base.in_features, base.out_features
        if not 1 <= rank <= min(inputs, outputs) or not 0 < alpha < math.inf:
            raise ValueError(
                f"rank is {rank} and alpha {alpha} for a layer of {inputs} inputs and {outputs} "
                "outputs. Expected 1 <= rank <= both and alpha > 0. Choose a smaller rank."
            )
        self.base = base.requires_grad_(False)
        self.rank, self.alpha = rank, alpha
        place = base.weight if isinstance(base, nn.Linear) else base.group
        self.down = nn.Parameter(place.new_empty(rank, inputs))
        self.up = nn.Parameter(place.new_zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5), generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., I] -> [..., O]`."""
        low = F.linear(x, self.down.to(x.dtype))
        return self.base(x) + (self.alpha / self.rank) * F.linear(low, self.up.to(low.dtype))

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The plain layer that computes the same; frozen."""
        base = self.base
        weight = base.weight if isinstance(base, nn.Linear) else base.dequantised(self.up.dtype)
        made = nn.Linear(base.in_features, base.out_features, base.bias is not None)
        made = made.to(weight).requires_grad_(False)
        made.weight.copy_(weight + (self.alpha / self.rank) * self.up @ self.down)
        if base.bias is not None:
            made.bias.copy_(base.bias)
        return made

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        if f"{prefix}weight" in state_dict:
            for name in ("weight", "bias"):
                if f"{prefix}{name}" in state_dict:
                    state_dict[f"{prefix}base.{name}"] = state_dict.pop(f"{prefix}{name}")
            state_dict[f"{prefix}down"] = self.down.detach()
            state_dict[f"{prefix}up"] = self.up.detach()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
