"""A small agent that really learns, with every kind of state a checkpoint must hold.

A critic Q(s, a) by one-step temporal differences, an actor that climbs it (or an epsilon-greedy
choice for discrete actions), optimisers, a generator for exploration, a learning-rate schedule,
and a memory of the previous action between decisions (smoothed exploration noise).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from daneel.agents import AGENTS
from daneel.registry import Entry
from daneel.world_models import Batch


class TinyAgent:
    """Deep deterministic policy gradient on a napkin."""

    @dataclass(frozen=True)
    class Config:
        """Settings."""

        name: str = "tiny"
        """Stands for the agent."""

        width: int = 16
        """Hidden units."""

        warmup: int = 20
        """Random decisions."""

        horizon: int = 2
        """Transitions in a sequence."""

        learning_rate: float = 3e-3
        """Of both optimisers."""

        nan_at: int = 0
        """Update that reports a NaN loss; 0 is never."""

    def __init__(
        self,
        config: Config,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        """Build the networks from a generator of their own."""
        self.config, self.batch_size, self.horizon = config, 16, config.horizon
        self.warmup_decisions, self.context = config.warmup, 0
        self._space: Any = action_space
        self._keys = sorted(key for key in observation_space.spaces if key != "achieved")
        inputs = sum(spaces.flatdim(observation_space[key]) for key in self._keys)
        self.discrete = isinstance(action_space, spaces.Discrete)
        actions = spaces.flatdim(action_space)
        self._generator = torch.Generator().manual_seed(seed)
        self.q = self._mlp(
            inputs + (0 if self.discrete else actions), actions if self.discrete else 1
        )
        self.policy = nn.Sequential(self._mlp(inputs, actions), nn.Tanh())
        self._actions = actions
        self._optimisers = [
            torch.optim.Adam(net.parameters(), lr=config.learning_rate)
            for net in (self.q, self.policy)
        ]
        self.updates = 0

    def _mlp(self, inputs: int, outputs: int) -> nn.Sequential:
        layers = nn.Linear(inputs, self.config.width), nn.Linear(self.config.width, outputs)
        for layer in layers:
            for weight in layer.parameters():
                bound = layer.in_features**-0.5
                weight.data.uniform_(-bound, bound, generator=self._generator)
        return nn.Sequential(layers[0], nn.Tanh(), layers[1])

    def _flat(self, obs: dict[str, Any]) -> Tensor:
        parts = [torch.as_tensor(obs[key], dtype=torch.float32) for key in self._keys]
        return torch.cat(parts, -1)

    def _units(self, action: Tensor) -> Tensor:
        low, high = torch.as_tensor(self._space.low), torch.as_tensor(self._space.high)
        return low + (action + 1) / 2 * (high - low)

    @torch.no_grad()
    def act(
        self, obs: dict[str, np.ndarray], state: dict[str, Any] | None = None, explore: bool = False
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Greedy, or with smoothed noise."""
        flat = self._flat(obs)
        if state is None:
            state = {"noise": torch.zeros(len(flat), self._actions)}
        if not explore:
            choice = self.q(flat).argmax(-1) if self.discrete else self._units(self.policy(flat))
            return choice.numpy(), state
        fresh = torch.randn(len(flat), self._actions, generator=self._generator)
        noise = 0.6 * state["noise"] + 0.4 * fresh
        if self.discrete:
            return (self.q(flat) + noise).argmax(-1).numpy(), {"noise": noise}
        action = (self.policy(flat) + noise).clamp(-1, 1)
        return self._units(action).numpy(), {"noise": noise}

    def reset_state(self, state: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
        """No noise at the start of an episode."""
        noise = state["noise"].clone()
        noise[torch.as_tensor(mask)] = 0
        return {"noise": noise}

    def updates_due(self, decisions: int) -> int:
        """One every second decision after the warm-up."""
        return int(decisions > self.config.warmup and decisions % 2 == 0)

    def update(self, batch: Batch) -> dict[str, float]:
        """One step of critic and actor."""
        obs = self._flat(batch.obs)
        with torch.no_grad():
            after = self._value(obs[:, 1:])
            target = batch.reward + 0.9 * (1 - batch.terminated) * after
        error = (self._score(obs[:, :-1], batch.action) - target) * batch.mask
        self._descend(0, loss := (error**2).mean())
        if not self.discrete:
            self._descend(1, -self._score(obs[:, 0], self._units(self.policy(obs[:, 0]))).mean())
        self.updates += 1
        for optimiser in self._optimisers:
            optimiser.param_groups[0]["lr"] = self.config.learning_rate / (1 + self.updates / 1000)
        value = float("nan") if self.updates == self.config.nan_at else loss.item()
        return {"loss": value} if self.updates % 3 == 0 or self.config.nan_at else {}

    def _score(self, obs: Tensor, action: Tensor) -> Tensor:
        if self.discrete:
            return self.q(obs).gather(-1, action[..., None])[..., 0]
        return self.q(torch.cat([obs, action], -1))[..., 0]

    def _value(self, obs: Tensor) -> Tensor:
        if self.discrete:
            return self.q(obs).max(-1).values
        return self._score(obs, self._units(self.policy(obs)))

    def _descend(self, which: int, loss: Tensor) -> None:
        self._optimisers[which].zero_grad()
        loss.backward()
        self._optimisers[which].step()

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, generator, counter."""
        return {
            "q": self.q.state_dict(),
            "policy": self.policy.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "generator": self._generator.get_state(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.q.load_state_dict(state["q"])
        self.policy.load_state_dict(state["policy"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self._generator.set_state(state["generator"])
        self.updates = state["updates"]

    def actor(self) -> tuple[nn.Module, dict[str, Any]]:
        """The policy; its output is in [-1, 1]."""
        return self.policy, {}


def register() -> None:
    """Make `--agent tiny` known; once is enough."""
    if "tiny" not in AGENTS.names():
        AGENTS.register(Entry("tiny", "tests.training.tiny_agent:TinyAgent", "for tests"))
