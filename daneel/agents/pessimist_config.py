"""Hyper-parameters of the pessimist."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from daneel.agents.planner_config import PlannerConfig
from daneel.agents.planning import PlanConfig
from daneel.config import require


@dataclass(frozen=True)
class PessimistConfig(PlannerConfig):
    """Hyper-parameters of the planner that learns from logs; the same for every task we report."""

    name: str = "pessimist"
    """Which agent this configures."""

    warmup: int = 200
    """Decisions before it learns from what it does itself: its policy's after logs, else random."""

    plan: PlanConfig = field(default_factory=lambda: PlanConfig(samples=0))
    """How actions are planned; as it is, the policy acts and the model only teaches."""

    updates: float = 1.0
    """Gradient steps per decision."""

    expansion: int = 1
    """Imagined steps under the policy before a value target falls back on the value function."""

    pessimism: float = 1.0
    """Weight of the ensemble's doubt, which is taken from imagined rewards."""

    doubters: int = 4
    """Members of that ensemble."""

    patience: int = 500
    """After logs: policy updates left out at first, while values learn what the policy is worth."""

    imitation: float = 10.0
    """Weight of doing as was done, more where the values say that it was better."""

    def __post_init__(self) -> None:
        """Refuses values that cannot train.

        Raises:
            ConfigError: a field is out of range.
            UnknownNameError: no backbone is called `core`.
        """
        super().__post_init__()
        require(self.patience >= 0, "agent.patience", self.patience, "0 or more")
        require(self.doubters >= 2, "agent.doubters", self.doubters, "2 or more")
        for name in ("pessimism", "imitation"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"agent.{name}", value, "0 or more and finite")
