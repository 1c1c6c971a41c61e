"""Learning from logs: before the first step by themselves, later next to what the agent lives.

While fine-tuning a part of every batch is drawn from the logs ("symmetric sampling", RLPD: Ball et
al., 2023, arXiv 2302.02948), so that what they taught is not forgotten over the first episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from daneel.config import require
from daneel.errors import CheckpointError, ConfigError
from daneel.training.logs import Logs, read_logs
from daneel.world_models import Batch, joined


@dataclass(frozen=True)
class OfflineConfig:
    """How `--logs` are used."""

    updates: int = 10_000
    """Gradient steps on the logs before the first step in the environment."""

    share: float = 0.5
    """Share of every later batch that is drawn from the logs, if they have rewards."""

    rewards: bool = True
    """Use the rewards of the logs. Without, or where they have none, only the world model and a
    first policy are learned from them."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A field is out of range.
        """
        require(self.updates >= 0, "offline.updates", self.updates, "a whole number from 0")
        require(0 <= self.share < 1, "offline.share", self.share, "0 to below 1")


class Offline:
    """The logs of a training: what is drawn from them, and how far the learning on them is.

    Args:
        config: How they are used.
        logs: What was read.
        agent: What learns; it must be able to.

    Raises:
        ConfigError: The agent cannot learn from logs, or not without rewards.
    """

    def __init__(self, config: OfflineConfig, logs: Logs, agent: Any) -> None:
        """Nothing is learned yet."""
        self.config, self.logs, self._agent = config, logs, agent
        self.has_rewards = logs.has_rewards and config.rewards
        self.done = 0
        if not self.has_rewards and not hasattr(agent, "pretrain"):
            raise ConfigError(
                f"The logs have no rewards, and {agent.config.name} cannot learn without. Expected "
                "logs with rewards, or an agent that can. Type the same command with "
                "`--agent pessimist`."
            )

    @property
    def is_due(self) -> bool:
        """Whether there are updates left before the first step."""
        return self.done < self.config.updates

    def update(self) -> dict[str, float]:
        """One gradient step on the logs alone."""
        agent = self._agent
        batch = self.logs.replay.sample(agent.batch_size, agent.horizon, agent.context)
        self.done += 1
        return agent.update(batch) if self.has_rewards else agent.pretrain(batch)

    def mixed(self, draw: Any) -> Batch:
        """A batch while fine-tuning: `draw(count)` gives what was lived, the rest is logged."""
        agent = self._agent
        logged = round(self.config.share * agent.batch_size) if self.has_rewards else 0
        lived = draw(agent.batch_size - logged)
        if not logged:
            return lived
        return joined(lived, self.logs.replay.sample(logged, agent.horizon, agent.context))

    def state_dict(self) -> dict[str, Any]:
        """Progress, and what the logs were; they themselves are read again."""
        return {
            "done": self.done,
            "sha256": self.logs.sha256,
            "rng": self.logs.replay.state_dict()["rng"],
        }

    def load_state_dict(self, state: Mapping[str, Any], rng: np.random.Generator) -> None:
        """Goes on from there; `rng` is the one that draws from the logs.

        Raises:
            CheckpointError: The logs are other ones now.
        """
        if state["sha256"] != self.logs.sha256:
            raise CheckpointError(
                "The logs of this run are not what they were when it began: "
                f"{self.logs.line()}, sha256 {self.logs.sha256[:12]}, then "
                f"{state['sha256'][:12]}. A resumed run must be the same run. Put the logs back, "
                "or begin another run with `daneel train`."
            )
        self.done = int(state["done"])
        rng.bit_generator.state = state["rng"]


def open_offline(
    paths: tuple[str, ...],
    config: OfflineConfig,
    agent: Any,
    observation: spaces.Dict,
    action: spaces.Space[Any],
    rng: np.random.Generator,
) -> Offline:
    """Reads the logs of a training.

    Raises:
        LogError: They cannot be read, or do not fit the environment.
        ConfigError: The agent cannot learn from them.
    """
    return Offline(config, read_logs(paths, observation, action, rng), agent)
