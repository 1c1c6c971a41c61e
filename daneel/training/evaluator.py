"""Evaluations on the way: episodes without exploration, on a copy of the agent's state."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import gymnasium as gym
from gymnasium import spaces

from daneel.agents import Agent
from daneel.envs import make_for_scores
from daneel.training.config import TrainConfig
from daneel.training.rollout import EpisodeResult, RolloutStopped, run_episodes

_SIDE_BY_SIDE = 10  # a batch of ten episodes costs little more than one


class Evaluator:
    """Environments of their own, made at the first evaluation and kept until `close`.

    Args:
        config: Of the training: environment, number of episodes, seed.
    """

    def __init__(self, config: TrainConfig[Any]) -> None:
        """Nothing is made yet."""
        self._config = config
        self._envs: list[gym.Env[Any, Any]] = []

    def run(self, agent: Agent, should_stop: Callable[[], bool]) -> list[EpisodeResult] | None:
        """Episodes of `agent`, whose state is as before; None when `should_stop` became true."""
        config = self._config
        if not self._envs:
            count = min(config.eval_episodes, _SIDE_BY_SIDE)
            self._envs = [make_for_scores(config.env) for _ in range(count)]
        state = copy.deepcopy(agent.state_dict())
        try:
            return run_episodes(
                *(agent, config.env, config.eval_episodes, config.seed),
                envs=self._envs,
                should_stop=should_stop,
            )
        except RolloutStopped:
            return None
        finally:
            agent.load_state_dict(state)

    @property
    def spaces(self) -> tuple[spaces.Dict, spaces.Space[Any]]:
        """Observation and action space, once an evaluation was run."""
        observation = self._envs[0].observation_space
        assert isinstance(observation, spaces.Dict)
        return observation, self._envs[0].action_space

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()
