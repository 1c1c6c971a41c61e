"""A Gymnasium environment in which a released agent acts."""

from __future__ import annotations

import os
from typing import Any

import gymnasium as gym
import numpy as np

from daneel.envs import make_single
from daneel.training.loading import RELEASED, load_agent


class ReleasedAgent(gym.Wrapper):
    """Wraps the run's environment; `step()` without an action lets the released agent act.

    The release is verified when the wrapper is made and at every reset, so that weights which were
    changed, or withdrawn, in between begin no further episode::

        env = ReleasedAgent("runs/2026-11-22-quickstart-0")
        env.reset(seed=0)
        observation, reward, terminated, truncated, info = env.step()

    Args:
        run: The run folder.
        env: An environment as `daneel.envs.make_single` makes them; None makes the run's own. A
            `daneel.alignment.safety.ShieldedEnv` may be around it.

    Raises:
        CheckpointError: Nothing is released, or the release was tampered with.
    """

    def __init__(self, run: str | os.PathLike[str], env: gym.Env[Any, Any] | None = None) -> None:
        """Verify the release and load it."""
        self._run = run
        self._agent, config, _ = load_agent(run, RELEASED)
        super().__init__(make_single(config.env) if env is None else env)
        self._state: Any = None
        self._observation: dict[str, np.ndarray] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Verify the release again and begin an episode.

        Raises:
            CheckpointError: The release was tampered with or withdrawn.
        """
        self._agent = load_agent(self._run, RELEASED)[0]
        self._state = None
        self._observation, info = self.env.reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any = None) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one decision: the agent's, or `action` where somebody else decides."""
        if action is None:
            batch = {key: np.asarray(value)[None] for key, value in self._observation.items()}
            chosen, self._state = self._agent.act(batch, self._state)
            action = chosen[0]
        self._observation, reward, terminated, truncated, info = self.env.step(action)
        return self._observation, float(reward), terminated, truncated, info
