"""Hyper-parameters of the planner."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from daneel.agents.planning import PlanConfig
from daneel.backbones import BACKBONES
from daneel.config import require

SIZES = {"tiny": (32, 64), "small": (64, 128), "base": (128, 256)}
"""Latent and hidden widths."""


@dataclass(frozen=True)
class PlannerConfig:
    """Hyper-parameters of the planner; the same for every task we report."""

    name: str = "planner"
    """Which agent this configures."""

    size: Literal["tiny", "small", "base"] = "small"
    """The one dial: latent and hidden widths, 32/64, 64/128 or 128/256."""

    core: str = "identity"
    """Backbone that gives the latents a memory; `daneel list backbones` names them."""

    context: int = 16
    """Observations before each replayed window from which a core with memory starts."""

    plan: PlanConfig = field(default_factory=PlanConfig)
    """How actions are planned."""

    batch_size: int = 128
    """Sequences in a batch."""

    horizon: int = 3
    """Transitions the model is unrolled for in its loss."""

    warmup: int = 500
    """Random decisions before learning begins."""

    updates: float = 6.0
    """Gradient steps per decision."""

    model_every: int = 2
    """The model is trained at every n-th gradient step, the values at each."""

    policy_every: int = 2
    """The policy is trained at every n-th gradient step."""

    imagined: float = 0.25
    """Imagined transitions in the value loss, as a share of the batch."""

    expansion: int = 3
    """Imagined steps under the policy before a value target falls back on the value function."""

    discount: float = 0.99
    """Per decision."""

    caution: float = 0.5
    """Value targets lie this share of the ensemble's range below its mean."""

    learning_rate: float = 5e-4
    """Of Adam, for model, values and policy."""

    target_rate: float = 0.01
    """Step of the slow networks towards the learned ones, at each gradient step."""

    averaged: bool = True
    """Act, imagine and release with the slow networks; otherwise these only give targets."""

    entropy: float = 0.5
    """The policy's entropy is held at minus this per dimension of a continuous action."""

    max_grad_norm: float = 20.0
    """Gradients are clipped to this norm."""

    def __post_init__(self) -> None:
        """Refuses values that cannot train.

        Raises:
            ConfigError: a field is out of range.
            UnknownNameError: no backbone is called `core`.
        """
        require(self.size in SIZES, "agent.size", self.size, "tiny, small or base")
        BACKBONES.entry(self.core)
        least = {"batch_size": 2, "horizon": 1, "warmup": 1, "model_every": 1, "policy_every": 1}
        for name, bound in (least | {"expansion": 0, "context": 0}).items():
            value = getattr(self, name)
            require(value >= bound, f"agent.{name}", value, f"{bound} or more")
        for name in ("updates", "learning_rate", "max_grad_norm"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"agent.{name}", value, "above 0 and finite")
        for name in ("imagined", "discount", "caution", "target_rate", "entropy"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"agent.{name}", value, "0 to 1")
