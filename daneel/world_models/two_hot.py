"""Values as categories: symlog, and targets spread over the two nearest bins.

Imani & White (2018, arXiv 1806.04613) for the loss, Hafner et al. (2023, arXiv 2301.04104) for
symlog and the two-hot form: cross entropy keeps gradients of bounded size whatever the size of
the rewards.

Legend: K bins.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def symlog(x: Tensor) -> Tensor:
    """sign(x) log(1 + |x|)."""
    return x.sign() * torch.log1p(x.abs())


def symexp(x: Tensor) -> Tensor:
    """Inverse of `symlog`."""
    return x.sign() * torch.expm1(x.abs())


class TwoHot(nn.Module):
    """Encodes numbers as weights on K bins that are evenly spaced after symlog.

    Args:
        bins: K.
        limit: The outermost bins stand at symlog = -limit and limit; 10 is +-22025.
    """

    centres: Tensor

    def __init__(self, bins: int = 101, limit: float = 10.0) -> None:
        """Places the bins."""
        super().__init__()
        self.bins, self.limit = bins, limit
        self.register_buffer("centres", torch.linspace(-limit, limit, bins), persistent=False)

    def decode(self, logits: Tensor) -> Tensor:
        """`[..., K] -> [...]`: symexp of the mean position."""
        return symexp((logits.softmax(-1) * self.centres).sum(-1))

    def encode(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """`[...]` to the lower bin `[...]` (int64) and the weight of the bin above it `[...]`."""
        width = 2 * self.limit / (self.bins - 1)
        position = ((symlog(value) + self.limit) / width).clamp(0, self.bins - 1)
        lower = position.floor().clamp(max=self.bins - 2)
        return lower.long(), position - lower

    def loss(self, logits: Tensor, code: tuple[Tensor, Tensor]) -> Tensor:
        """Cross entropy `[...]` of `logits [..., K]` against a code, which broadcasts."""
        lower, weight = code
        log_p = F.log_softmax(logits, -1)
        index = lower.expand(logits.shape[:-1]).unsqueeze(-1)
        below = log_p.gather(-1, index).squeeze(-1)
        above = log_p.gather(-1, index + 1).squeeze(-1)
        return -torch.lerp(below, above, weight)
