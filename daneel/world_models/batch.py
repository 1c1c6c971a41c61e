"""What a world model learns from: a batch of short sequences of transitions.

Legend: B sequences, H transitions in each, A action dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B sequences of H transitions; an episode that ends inside the window is padded and masked."""

    obs: dict[str, Tensor]
    """Each modality `[B, H + 1, ...]`: float32, images uint8. Entry `t + 1` is the true observation
    after transition `t`, also at the end of an episode."""

    action: Tensor
    """`[B, H, A]` float32 in the environment's units, or `[B, H]` int64 for discrete actions."""

    reward: Tensor
    """`[B, H]` float32."""

    terminated: Tensor
    """`[B, H]` float32, 1 at a true termination. Truncation is 0: its value is bootstrapped."""

    mask: Tensor
    """`[B, H]` float32, 1 where transition `t` exists."""

    def to(self, device: str | torch.device) -> Batch:
        """The same batch on `device`."""
        return Batch(
            obs={key: value.to(device) for key, value in self.obs.items()},
            action=self.action.to(device),
            reward=self.reward.to(device),
            terminated=self.terminated.to(device),
            mask=self.mask.to(device),
        )
