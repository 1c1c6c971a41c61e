"""Between an environment's actions and the form that networks use.

The model's form of an action is `[-1, 1]` per dimension when it is continuous, one-hot when it is
discrete.

Legend: N environments, B batch, H transitions, A action width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from daneel.errors import SpaceError
from daneel.world_models import Rescale


class ActionForm:
    """Translates the actions of one space.

    Args:
        space: A bounded Box `[A]`, or Discrete with A actions.
        device: Where tensors live.

    Raises:
        SpaceError: the space is of another kind.
    """

    def __init__(self, space: spaces.Space[Any], device: torch.device) -> None:
        """Reads width and bounds."""
        self.discrete = isinstance(space, spaces.Discrete)
        self._first = 0
        self.rescale: nn.Module = nn.Identity()
        """From `[-1, 1]` to a Box; the identity for discrete actions."""
        if isinstance(space, spaces.Discrete):
            self.width, self._first = int(space.n), int(space.start)
        elif isinstance(space, spaces.Box) and len(space.shape) == 1 and space.is_bounded():
            self.width = int(space.shape[0])
            low, high = torch.as_tensor(space.low), torch.as_tensor(space.high)
            self.rescale = Rescale(low, high).to(device)
        else:
            raise SpaceError(
                f"The planner cannot act in {space}. Expected a bounded Box [A] or Discrete"
                " actions. Type `daneel list agents` for others."
            )

    def to_env(self, action: Tensor) -> np.ndarray:
        """`[N, A]` to the environment's units: float32 `[N, A]`, or int64 `[N]`."""
        if self.discrete:
            return action.argmax(-1).cpu().numpy() + self._first
        return self.rescale(action).cpu().numpy()

    def from_env(self, action: Tensor) -> Tensor:
        """A batch's actions `[B, H, A]` or `[B, H]` to the model's form `[B, H, A]`."""
        if self.discrete:
            return nn.functional.one_hot(action - self._first, self.width).to(torch.float32)
        assert isinstance(self.rescale, Rescale)
        return self.rescale.inverse(action)
