"""What a world model learns from: a batch of short sequences of transitions.

Legend: B sequences, H transitions in each, A action dimensions, C observations before each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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

    context: dict[str, Tensor] = field(default_factory=dict)
    """Each modality `[B, C, ...]` of the observations before the window, for cores with memory;
    nothing where none were asked for."""

    context_length: Tensor | None = None
    """`[B]` int64, how many of the context are of this episode: always its last ones."""

    def to(self, device: str | torch.device) -> Batch:
        """The same batch on `device`."""
        length = self.context_length
        return Batch(
            obs={key: value.to(device) for key, value in self.obs.items()},
            action=self.action.to(device),
            reward=self.reward.to(device),
            terminated=self.terminated.to(device),
            mask=self.mask.to(device),
            context={key: value.to(device) for key, value in self.context.items()},
            context_length=None if length is None else length.to(device),
        )


def joined(first: Batch, second: Batch) -> Batch:
    """The sequences of both, which are as long and have the same modalities and context."""
    one, other = vars(first), vars(second)

    def both(name: str) -> Any:
        if isinstance(one[name], dict):
            return {key: torch.cat([one[name][key], other[name][key]]) for key in one[name]}
        return None if one[name] is None else torch.cat([one[name], other[name]])

    return Batch(**{name: both(name) for name in one})
