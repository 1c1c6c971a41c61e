"""What the training loop, evaluation and the gate need of an agent."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from torch import nn

from daneel.world_models import Batch

AgentState = dict[str, Any]
"""What an agent remembers between decisions: arrays or tensors, one row per environment."""


class Performer(Protocol):
    """All that running episodes needs; every agent is one. Observations are dicts `[N, ...]`."""

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Actions `[N, A]` (discrete: `[N]`) in the environment's units, and the next state."""
        ...

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """`state` with the rows where `mask [N]` is true as at the start of an episode."""
        ...


class Agent(Protocol):
    """An agent that learns from replayed sequences. Observations are batched dicts `[N, ...]`."""

    config: Any
    batch_size: int
    """Sequences in a batch."""
    horizon: int
    """Transitions in a sequence."""
    context: int
    """Observations wanted before each sequence; 0 without memory."""
    warmup_decisions: int
    """Decisions drawn uniformly at random before the agent acts."""

    def act(
        self, obs: dict[str, np.ndarray], state: AgentState | None = None, explore: bool = False
    ) -> tuple[np.ndarray, AgentState]:
        """Actions `[N, A]` (discrete: `[N]`) in the environment's units, and the next state."""
        ...

    def reset_state(self, state: AgentState, mask: np.ndarray) -> AgentState:
        """`state` with the rows where `mask [N]` is true as at the start of an episode."""
        ...

    def updates_due(self, decisions: int) -> int:
        """How many `update` calls follow the decision with this number (counted from 1)."""
        ...

    def update(self, batch: Batch) -> dict[str, float]:
        """One gradient step; returns metrics, possibly none."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on exactly: weights, optimisers, generators."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        ...

    def actor(self) -> tuple[nn.Module, dict[str, Any]]:
        """The network `[B, D] -> [B, A]` from flat observation to action, and notes."""
        ...
