"""Learning from logs: before the first step by themselves, later next to what the agent lives.

First the better episodes are imitated, which is quick and gives a policy to begin with (filtered
behaviour cloning, "%BC" in Chen et al., 2021, arXiv 2106.01345). Then the agent learns from all of
them what leads to what, and what is better than that.

While fine-tuning a part of every batch is drawn from the logs ("symmetric sampling", RLPD: Ball et
al., 2023, arXiv 2302.02948), so that what they taught is not forgotten over the first episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces

from daneel.config import require
from daneel.errors import CheckpointError, ConfigError
from daneel.training.logs import Logs, read_logs
from daneel.world_models import Batch, joined


@dataclass(frozen=True)
class OfflineConfig:
    """How `--logs` are used."""

    imitate: int = 4_000
    """Gradient steps of plain imitation, before anything else; they cost little."""

    best: float = 0.5
    """Share of the episodes that are imitated then: those with the most reward."""

    updates: int = 6_000
    """Gradient steps of the agent's learning on the logs, before the first step."""

    share: float = 0.25
    """Share of every later batch that is drawn from the logs, if they have rewards."""

    rewards: bool = True
    """Use the rewards of the logs. Without, or where they have none, only the world model and a
    first policy are learned from them."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A field is out of range.
        """
        for name in ("imitate", "updates"):
            value = getattr(self, name)
            require(value >= 0, f"offline.{name}", value, "a whole number from 0")
        require(0 < self.best <= 1, "offline.best", self.best, "above 0 to 1")
        require(0 <= self.share < 1, "offline.share", self.share, "0 to below 1")


@runtime_checkable
class LearnsFromLogs(Protocol):
    """What an agent has that can begin with logs."""

    def imitate(self, batch: Batch) -> dict[str, float]:
        """One gradient step towards what was done."""
        ...

    def pretrain(self, batch: Batch) -> dict[str, float]:
        """One gradient step on what logs without rewards teach."""
        ...


class Offline:
    """The logs of a training: what is drawn from them, and how far the learning on them is.

    Args:
        config: How they are used.
        logs: What was read.
        agent: What learns; it must be able to.

    Raises:
        ConfigError: The agent cannot begin with logs.
    """

    def __init__(self, config: OfflineConfig, logs: Logs, agent: Any) -> None:
        """Nothing is learned yet."""
        self.config, self.logs, self._agent = config, logs, agent
        self.has_rewards = logs.has_rewards and config.rewards
        self.done = 0
        if not isinstance(agent, LearnsFromLogs):
            raise ConfigError(
                f"agent is {agent.config.name!r}, which cannot begin with logs. Expected one that "
                "can. Type the same command with `--agent pessimist`, or without --agent."
            )

    @property
    def total(self) -> int:
        """Updates before the first step."""
        return self.config.imitate + self.config.updates

    @property
    def is_due(self) -> bool:
        """Whether there are updates left before the first step."""
        return self.done < self.total

    def update(self) -> dict[str, float]:
        """One gradient step on the logs alone."""
        agent, imitates = self._agent, self.done < self.config.imitate
        # Without the use of their rewards no episode is better than another.
        source = self.logs.best if imitates and self.has_rewards else self.logs.replay
        horizon = 1 if imitates else agent.horizon
        batch = source.sample(agent.batch_size, horizon, agent.context)
        self.done += 1
        if imitates:
            return agent.imitate(batch)
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
    return Offline(config, read_logs(paths, observation, action, rng, config.best), agent)
