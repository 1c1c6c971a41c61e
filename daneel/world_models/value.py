"""Action values as an ensemble of categorical heads on latents.

Legend: M members, B rows (any leading axes in `forward`), D latent, A action width, K bins.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daneel.world_models.layers import ensemble_mlp
from daneel.world_models.two_hot import TwoHot


class QEnsemble(nn.Module):
    """M independent action values Q(z, a), each a distribution over two-hot bins.

    Args:
        dim: D.
        action_dim: A.
        width: Width of the two hidden layers.
        members: M.
    """

    def __init__(self, dim: int, action_dim: int, width: int, members: int) -> None:
        """All members start at value zero."""
        super().__init__()
        self.members = members
        self.two_hot = TwoHot()
        self.net = ensemble_mlp(members, [dim + action_dim, width, width], self.two_hot.bins)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """Logits `[M, B, K]` for `z [B, D]` and `action [B, A]`."""
        x = torch.cat([z, action], -1)
        rows = x.reshape(-1, x.shape[-1])
        return self.net(rows.expand(self.members, *rows.shape)).view(
            self.members, *x.shape[:-1], -1
        )

    def values(self, z: Tensor, action: Tensor) -> Tensor:
        """Values `[M, B]`."""
        return self.two_hot.decode(self(z, action))


def one_step_target(reward: Tensor, alive: Tensor, following: Tensor, discount: float) -> Tensor:
    """Reward plus the discounted value that follows: `[B]` each.

    `alive` is 0 only at a true termination; after a truncation the value goes on.
    """
    return reward + discount * alive * following


def cautious(values: Tensor, caution: float) -> Tensor:
    """Mean over members less `caution` times their range: `[M, B] -> [B]`.

    With two members, 0 is their mean and 0.5 their minimum.
    """
    return values.mean(0) - caution * (values.amax(0) - values.amin(0))
