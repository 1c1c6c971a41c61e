"""What a world model needs of a sequence core.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
"""What a core carries from step to step: batch-first tensors by name, possibly none.

Float32 whatever the precision of the inputs (float64 in a float64 core), and differentiable.
`daneel.backbones.state` detaches, selects, repeats, mixes and moves it.
"""


class Backbone(nn.Module):
    """A causal map of sequences: training (T large), streaming (state carried) and steps (T = 1).

    All three agree, in value and in every gradient. A core with memory overrides both methods.
    """

    dim: int
    """D, width of input and output."""

    def initial_state(
        self,
        batch: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> State:
        """The state before the first step of an episode, for `batch` rows."""
        raise NotImplementedError

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Maps `x [B, T, D]` to `y [B, T, D]` and the state after the last step.

        Args:
            x: Inputs.
            state: State before the first input; None is `initial_state`.
            resets: `[B, T]`, true where an episode begins.
            lengths: `[B]`, how many first steps of each row are real (0 to T); None is all. The
                rest is padding: it leaves the state untouched, and y there says nothing.
        """
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, State]:
        """As `forward`, typed."""
        return super().__call__(*args, **kwargs)
